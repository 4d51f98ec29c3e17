// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/crc.h"

#include <zlib.h>

#include <array>

namespace deer {

std::uint32_t crc32_of(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::uint32_t crc32c_of(std::span<const std::byte> bytes, std::uint32_t crc) {
  static constexpr auto kTable = [] {
    constexpr std::uint32_t kPolynomial = 0x82F63B78;  // least significant bit first
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

}  // namespace deer
