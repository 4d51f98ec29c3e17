// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace deer {

/// Appends a code point to `out` as UTF-8; U+FFFD for invalid ones.
void append_utf8(std::string& out, std::uint32_t code);

/// `text` with every byte that is not part of well-formed UTF-8 replaced by U+FFFD.
std::string valid_utf8(std::string_view text);

}  // namespace deer
