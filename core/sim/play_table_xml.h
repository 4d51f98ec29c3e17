// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string_view>

namespace deer {

/// resources/sim/play_table.xml, built in.
extern const std::string_view kPlayTableXml;

}  // namespace deer
