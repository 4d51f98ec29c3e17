// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace deer {

/// The checksum of zip, gzip and PNG (IEEE 802.3).
std::uint32_t crc32_of(std::span<const std::byte> bytes);

/// The checksum of TFRecord and iSCSI (Castagnoli), which zlib does not have. `crc` is that of earlier bytes.
std::uint32_t crc32c_of(std::span<const std::byte> bytes, std::uint32_t crc = 0);

}  // namespace deer
