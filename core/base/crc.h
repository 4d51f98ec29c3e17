// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace deer {

/// 32-bit cyclic redundancy check of `bytes`, least significant bit first, after earlier bytes that gave `crc`.
/// `kPolynomial` is reflected: see below.
template <std::uint32_t kPolynomial>
std::uint32_t reflected_crc(std::span<const std::byte> bytes, std::uint32_t crc = 0) {
  static constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
      table[i] = value;
    }
    return table;
  }();
  crc = ~crc;
  for (const auto byte : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<std::uint32_t>(byte)) & 0xFF];
  return ~crc;
}

/// Of zip and PNG (IEEE 802.3).
inline std::uint32_t crc32_ieee(std::span<const std::byte> bytes, std::uint32_t crc = 0) {
  return reflected_crc<0xEDB88320>(bytes, crc);
}

/// Of TFRecord, iSCSI (Castagnoli).
inline std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t crc = 0) {
  return reflected_crc<0x82F63B78>(bytes, crc);
}

}  // namespace deer
