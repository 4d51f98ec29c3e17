// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/picture_size.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace deer::serve {
namespace {

// Big-endian, as both formats have it. The caller checks that the bytes are there.
std::uint32_t big_endian(std::span<const std::byte> file, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | std::to_integer<std::uint32_t>(file[at + i]);
  return value;
}

std::optional<PictureSize> size_of(std::uint32_t width, std::uint32_t height) {
  constexpr std::uint32_t kMost = 0x7FFFFFFF;
  if (width == 0 || height == 0 || width > kMost || height > kMost) return std::nullopt;
  return PictureSize{static_cast<int>(width), static_cast<int>(height)};
}

bool starts_frame(std::uint32_t marker) {
  // SOF0 to SOF15 without the tables DHT, JPG and DAC.
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

std::optional<PictureSize> jpeg_size(std::span<const std::byte> file) {
  for (std::size_t at = 2; at + 4 <= file.size();) {
    if (file[at] != std::byte{0xFF}) return std::nullopt;
    const auto marker = big_endian(file, at + 1, 1);
    if (marker == 0xFF) {  // padding
      ++at;
      continue;
    }
    const auto length = big_endian(file, at + 2, 2);
    if (length < 2) return std::nullopt;
    if (starts_frame(marker)) {
      if (at + 9 > file.size()) return std::nullopt;
      return size_of(big_endian(file, at + 7, 2), big_endian(file, at + 5, 2));
    }
    at += 2 + length;
  }
  return std::nullopt;
}

}  // namespace

std::optional<PictureSize> encoded_picture_size(std::span<const std::byte> file) {
  constexpr std::array<std::uint8_t, 8> kPng{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  const auto is_png = file.size() >= 24 && std::equal(kPng.begin(), kPng.end(), file.begin(),
                                                      [](auto a, auto b) { return std::byte{a} == b; });
  if (is_png) return size_of(big_endian(file, 16, 4), big_endian(file, 20, 4));
  if (file.size() >= 4 && file[0] == std::byte{0xFF} && file[1] == std::byte{0xD8}) return jpeg_size(file);
  return std::nullopt;
}

}  // namespace deer::serve
