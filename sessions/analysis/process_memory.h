// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>

namespace deer {

/// Bytes of memory that this process has in use; 0 where the system does not tell. From any thread.
std::int64_t resident_bytes();

}  // namespace deer
