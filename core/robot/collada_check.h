// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string_view>

namespace deer {

/// Throws FileError for a Collada text that is nested too deeply, whose scene contains itself, or that expands to an
/// unreasonable number of parts: the reader does not check for these.
void check_collada(std::string_view xml, const std::filesystem::path& file);

}  // namespace deer
