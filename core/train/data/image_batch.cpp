// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/data/image_batch.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <string>

#include "core/base/error.h"
#include "core/model/image_preprocess.h"

namespace deer {
namespace {

using Table = std::array<float, 256>;  // normalised value of each byte

const std::array<Table, 3>& plain_tables() {
  static const auto tables = [] {
    Image ramp{256, 1, {}};
    for (int value = 0; value < 256; ++value) ramp.rgb.insert(ramp.rgb.end(), 3, static_cast<std::uint8_t>(value));
    const auto planes = normalize_for_clip(ramp);
    std::array<Table, 3> out;
    for (std::size_t i = 0; i < planes.size(); ++i) out[i / 256][i % 256] = planes[i];
    return out;
  }();
  return tables;
}

Table changed_table(const Table& plain, float gain, float offset) {
  Table out;
  const float range = plain[255] - plain[0];
  for (std::size_t value = 0; value < out.size(); ++value) {
    const float changed = std::clamp(gain * (static_cast<float>(value) / 255.0f) + offset, 0.0f, 1.0f);
    out[value] = plain[0] + range * changed;
  }
  return out;
}

void write_plane(const std::uint8_t* in, const Table& table, std::int64_t size, PixelShift shift, float* out) {
  for (std::int64_t y = 0; y < size; ++y) {
    const auto* row = in + std::clamp<std::int64_t>(y + shift.y, 0, size - 1) * size;
    const auto begin = std::clamp<std::int64_t>(-shift.x, 0, size);      // columns before it are left of the image
    const auto end = std::clamp<std::int64_t>(size - shift.x, 0, size);  // columns from here on are right of it
    const float left = table[row[0]];
    const float right = table[row[size - 1]];
    std::int64_t x = 0;
    for (; x < begin; ++x) out[x] = left;
    for (; x < end; ++x) out[x] = table[row[x + shift.x]];
    for (; x < size; ++x) out[x] = right;
    out += size;
  }
}

}  // namespace

at::Tensor read_images(const at::Tensor& images, std::span<const std::int64_t> frames,
                       std::span<const PixelShift> shifts, std::span<const ColourChange> colours) {
  const bool fits = images.dim() == 4 && images.scalar_type() == at::kByte && images.size(1) == 3 &&
                    images.size(2) == images.size(3) && images.is_contiguous();
  if (!fits) throw Error("images must be bytes [N, 3, S, S]");
  if ((!shifts.empty() && shifts.size() != frames.size()) || (!colours.empty() && colours.size() != frames.size())) {
    throw Error("each of " + std::to_string(frames.size()) + " images needs one shift and one colour change");
  }
  for (const auto frame : frames) {
    if (frame < 0 || frame >= images.size(0)) {
      throw Error("frame " + std::to_string(frame) + " is not in 0 to " + std::to_string(images.size(0) - 1));
    }
  }
  const auto size = images.size(2);
  const auto plane = size * size;
  const auto count = static_cast<std::int64_t>(frames.size());
  auto out = at::empty({count, 3, size, size}, at::kFloat);
  const auto* source = images.data_ptr<std::uint8_t>();
  auto* target = out.data_ptr<float>();
  at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const PixelShift shift = shifts.empty() ? PixelShift{} : shifts[at];
      for (std::int64_t channel = 0; channel < 3; ++channel) {
        const auto c = static_cast<std::size_t>(channel);
        const auto& plain = plain_tables()[c];
        const auto* in = source + (frames[at] * 3 + channel) * plane;
        auto* to = target + (i * 3 + channel) * plane;
        if (colours.empty()) {
          write_plane(in, plain, size, shift, to);
        } else {
          write_plane(in, changed_table(plain, colours[at].gain[c], colours[at].offset[c]), size, shift, to);
        }
      }
    }
  });
  return out;
}

}  // namespace deer
