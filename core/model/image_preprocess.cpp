// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/image_preprocess.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "core/base/error.h"

namespace deer {
namespace {

constexpr int kPrecisionBits = 22;
constexpr std::int32_t kHalf = 1 << (kPrecisionBits - 1);
constexpr std::array<float, 3> kMean = {0.48145466f, 0.4578275f, 0.40821073f};
constexpr std::array<float, 3> kStd = {0.26862954f, 0.26130258f, 0.27577711f};

void check(const Image& image) {
  const bool sized = image.width > 0 && image.height > 0;
  const auto expected =
      sized ? static_cast<std::uint64_t>(image.width) * static_cast<std::uint64_t>(image.height) * 3 : 0;
  if (!sized || image.rgb.size() != expected) {
    throw Error("image of " + std::to_string(image.width) + " x " + std::to_string(image.height) + " pixels has " +
                std::to_string(image.rgb.size()) + " bytes, expected 3 for each of at least one pixel");
  }
}

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// Position of the crop along one side of the resized image.
struct Side {
  int in = 0;          // pixels of the original
  double resized = 0;  // pixels of the resized image, a whole number
  double first = 0;    // first pixel of the crop, a whole number
  bool same() const { return resized == in; }
};

Side make_side(int in, int shorter, int size) {
  Side side{in, static_cast<double>(size), 0};
  if (in != shorter) side.resized = std::floor(static_cast<double>(size) * in / shorter);
  // std::nearbyint rounds halves to even, as Python's round does.
  side.first = std::nearbyint((side.resized - size) / 2.0);
  return side;
}

// For each output pixel of the crop: its first input pixel, and `taps` fixed-point weights (those past the image's end
// are 0, and `first` is moved so that every tap is inside).
struct Filter {
  int taps = 0;
  std::vector<int> first;
  std::vector<std::int32_t> weights;
};

// Pillow's precompute_coeffs and normalize_coeffs_8bpc, operation by operation: the order of the
// floating-point steps decides the last bit.
Filter make_filter(const Side& side, int size) {
  const double scale = static_cast<double>(static_cast<float>(side.in)) / side.resized;
  const double filter_scale = std::max(scale, 1.0);
  const double support = 2.0 * filter_scale;
  const double inverse = 1.0 / filter_scale;
  Filter filter;
  filter.taps = std::min(static_cast<int>(std::ceil(support)) * 2 + 1, side.in);
  filter.first.resize(static_cast<std::size_t>(size));
  filter.weights.assign(static_cast<std::size_t>(size) * static_cast<std::size_t>(filter.taps), 0);
  std::vector<double> weights(static_cast<std::size_t>(filter.taps));
  for (int i = 0; i < size; ++i) {
    const double center = (side.first + i + 0.5) * scale;
    const int begin = std::max(static_cast<int>(center - support + 0.5), 0);
    const int end = std::min(static_cast<int>(center + support + 0.5), side.in);
    const auto count = static_cast<std::size_t>(end - begin);
    double sum = 0;
    for (std::size_t k = 0; k < count; ++k) {
      weights[k] = bicubic((static_cast<double>(k) + begin - center + 0.5) * inverse);
      sum += weights[k];
    }
    const int first = std::min(begin, side.in - filter.taps);
    filter.first[static_cast<std::size_t>(i)] = first;
    auto* out = &filter.weights[static_cast<std::size_t>(i) * static_cast<std::size_t>(filter.taps)] + (begin - first);
    for (std::size_t k = 0; k < count; ++k) {
      const double weight = (sum != 0.0 ? weights[k] / sum : weights[k]) * (1 << kPrecisionBits);
      out[k] = static_cast<std::int32_t>(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
  }
  return filter;
}

std::uint8_t to_byte(std::int32_t sum) { return static_cast<std::uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255)); }

// One row, horizontally: `size` pixels out.
void filter_row(const std::uint8_t* in, const Filter& filter, int size, std::uint8_t* out) {
  const std::int32_t* weight = filter.weights.data();
  for (int x = 0; x < size; ++x) {
    const std::uint8_t* pixel = in + static_cast<std::ptrdiff_t>(filter.first[static_cast<std::size_t>(x)]) * 3;
    std::int32_t r = kHalf;
    std::int32_t g = kHalf;
    std::int32_t b = kHalf;
    for (int k = 0; k < filter.taps; ++k, pixel += 3) {
      r += pixel[0] * weight[k];
      g += pixel[1] * weight[k];
      b += pixel[2] * weight[k];
    }
    weight += filter.taps;
    *out++ = to_byte(r);
    *out++ = to_byte(g);
    *out++ = to_byte(b);
  }
}

}  // namespace

Image resize_and_crop(const Image& image, int size) {
  check(image);
  if (size < 1 || size > 4096) {
    throw Error("image size " + std::to_string(size) + " is not supported, expected 1 to 4096 pixels");
  }
  const int shorter = std::min(image.width, image.height);
  const Side across = make_side(image.width, shorter, size);
  const Side down = make_side(image.height, shorter, size);
  const auto columns = static_cast<std::size_t>(size);
  const std::size_t stride = columns * 3;

  const Filter vertical = down.same() ? Filter{} : make_filter(down, size);
  const int first_row = down.same() ? static_cast<int>(down.first) : vertical.first.front();
  const int row_count = down.same() ? size : vertical.first.back() + vertical.taps - first_row;

  // Horizontal pass, only for the rows that the crop needs.
  const Filter horizontal = across.same() ? Filter{} : make_filter(across, size);
  std::vector<std::uint8_t> rows(static_cast<std::size_t>(row_count) * stride);
  for (int y = 0; y < row_count; ++y) {
    const auto* in =
        image.rgb.data() + static_cast<std::size_t>(first_row + y) * static_cast<std::size_t>(image.width) * 3;
    auto* out = rows.data() + static_cast<std::size_t>(y) * stride;
    if (across.same()) {
      std::copy_n(in + static_cast<std::size_t>(across.first) * 3, stride, out);
    } else {
      filter_row(in, horizontal, size, out);
    }
  }

  Image crop;
  crop.width = size;
  crop.height = size;
  if (down.same()) {
    crop.rgb = std::move(rows);
    return crop;
  }
  crop.rgb.resize(columns * stride);
  std::vector<std::int32_t> sums(stride);
  for (std::size_t y = 0; y < columns; ++y) {
    std::fill(sums.begin(), sums.end(), kHalf);
    for (int k = 0; k < vertical.taps; ++k) {
      const auto weight = vertical.weights[y * static_cast<std::size_t>(vertical.taps) + static_cast<std::size_t>(k)];
      if (weight == 0) continue;
      const auto* in = rows.data() + static_cast<std::size_t>(vertical.first[y] - first_row + k) * stride;
      for (std::size_t x = 0; x < stride; ++x) sums[x] += in[x] * weight;
    }
    std::transform(sums.begin(), sums.end(), crop.rgb.begin() + static_cast<std::ptrdiff_t>(y * stride), to_byte);
  }
  return crop;
}

PictureCrop visible_crop(int width, int height, int size) {
  const int shorter = std::min(width, height);
  const Side across = make_side(width, shorter, size);
  const Side down = make_side(height, shorter, size);
  const double x_scale = across.in / across.resized;
  const double y_scale = down.in / down.resized;
  return {across.first * x_scale, down.first * y_scale, size * x_scale, size * y_scale};
}

std::vector<float> normalize_for_clip(const Image& image) {
  check(image);
  const std::size_t pixels = image.rgb.size() / 3;
  std::vector<float> planes(image.rgb.size());
  for (std::size_t channel = 0; channel < 3; ++channel) {
    std::array<float, 256> table;
    for (std::size_t value = 0; value < table.size(); ++value) {
      table[value] = (static_cast<float>(value) / 255.0f - kMean[channel]) / kStd[channel];
    }
    float* out = planes.data() + channel * pixels;
    const std::uint8_t* in = image.rgb.data() + channel;
    for (std::size_t i = 0; i < pixels; ++i) out[i] = table[in[3 * i]];
  }
  return planes;
}

PreprocessedImage preprocess_image(const Image& image, int size) {
  PreprocessedImage out;
  out.crop = resize_and_crop(image, size);
  out.planes = normalize_for_clip(out.crop);
  return out;
}

}  // namespace deer
