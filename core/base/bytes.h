// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace deer {

/// Whole numbers as little-endian bytes, whatever the machine's order. The caller checks that the bytes are there.

template <typename Byte>
concept ByteType = sizeof(Byte) == 1;

/// The number in the `count` bytes (at most 8) at `at`.
template <ByteType Byte>
std::uint64_t get_number(std::span<const Byte> bytes, std::size_t at, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    value |= std::uint64_t{static_cast<std::uint8_t>(bytes[at + i])} << (8 * i);
  }
  return value;
}

template <std::unsigned_integral T, ByteType Byte>
T get_number(std::span<const Byte> bytes, std::size_t at = 0) {
  return static_cast<T>(get_number(bytes, at, sizeof(T)));
}

/// Appends the bytes of `value`.
template <std::unsigned_integral T>
void put_number(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>((value >> (8 * i)) & 0xFF);
}

/// Overwrites the bytes at `at`.
template <std::unsigned_integral T, ByteType Byte>
void put_number(std::span<Byte> out, std::size_t at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out[at + i] = static_cast<Byte>((value >> (8 * i)) & 0xFF);
}

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace deer
