// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/calvin/calvin_frame.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/episodes/numpy/npz.h"

namespace deer {
namespace {

constexpr std::uint64_t kMaxPictureSide = 4096;  // pixels
constexpr std::uint64_t kMaxPictureBytes = kMaxPictureSide * kMaxPictureSide * 3 + 64 * 1024;
constexpr std::uint64_t kMaxVectorBytes = 128 * 1024;

[[noreturn]] void misfit(const NpzFile& file, const char* key, const NpyArray& found, const std::string& expected) {
  throw FileError(file.path(), "'" + std::string(key) + "' is " + found.describe() + ", expected " + expected);
}

// Where a picture's numbers are: [height, width, channels], [channels, height, width] or [height, width].
struct PictureShape {
  std::uint64_t height = 0, width = 0, channels = 1;
  bool channels_first = false;

  std::size_t at(std::uint64_t y, std::uint64_t x, std::uint64_t channel) const {
    return channels_first ? (channel * height + y) * width + x : (y * width + x) * channels + channel;
  }
};

std::optional<PictureShape> picture_shape(std::span<const std::uint64_t> shape) {
  const auto is_channels = [](std::uint64_t n) { return n == 1 || n == 3 || n == 4; };
  PictureShape out;
  if (shape.size() == 2) {
    out = {shape[0], shape[1], 1, false};
  } else if (shape.size() == 3 && is_channels(shape[2])) {
    out = {shape[0], shape[1], shape[2], false};
  } else if (shape.size() == 3 && is_channels(shape[0])) {
    out = {shape[1], shape[2], shape[0], true};
  } else {
    return std::nullopt;
  }
  const auto is_side = [](std::uint64_t n) { return n >= 1 && n <= kMaxPictureSide; };
  return is_side(out.height) && is_side(out.width) ? std::optional(out) : std::nullopt;
}

ImagePtr picture(const NpzFile& file, const char* key) {
  const auto array = file.array(key, kMaxPictureBytes);
  const auto shape = picture_shape(array.shape());
  const bool bytes = array.type() == NpyType{'u', 1};
  if (!shape || (!bytes && array.type().kind != 'f')) {
    misfit(file, key, array, "uint8 [height, width, 3], or floats from 0 to 1");
  }
  auto image = std::make_shared<Image>();
  image->height = static_cast<int>(shape->height);
  image->width = static_cast<int>(shape->width);
  const auto* begin = reinterpret_cast<const std::uint8_t*>(array.data().data());
  if (bytes && shape->channels == 3 && !shape->channels_first) {
    image->rgb.assign(begin, begin + array.data().size());
    return image;
  }
  image->rgb.reserve(shape->height * shape->width * 3);
  for (std::uint64_t y = 0; y < shape->height; ++y) {
    for (std::uint64_t x = 0; x < shape->width; ++x) {
      for (std::uint64_t channel = 0; channel < 3; ++channel) {
        const auto at = shape->at(y, x, shape->channels < 3 ? 0 : channel);
        if (bytes) {
          image->rgb.push_back(begin[at]);
          continue;
        }
        const double value = array.number(at);
        if (!(value >= 0 && value <= 1)) {
          throw FileError(file.path(), "'" + std::string(key) + "' holds " + general_text(value, 6) +
                                           ", expected uint8, or floats from 0 to 1");
        }
        image->rgb.push_back(static_cast<std::uint8_t>(std::lround(value * 255)));
      }
    }
  }
  return image;
}

template <std::size_t N>
std::optional<std::array<double, N>> vector(const NpzFile& file, const char* key) {
  if (!file.has(key)) return std::nullopt;
  const auto array = file.array(key, kMaxVectorBytes);
  if (!array.type().is_number() || array.shape() != std::vector<std::uint64_t>{N}) {
    misfit(file, key, array, "numbers [" + std::to_string(N) + "]");
  }
  std::array<double, N> out{};
  for (std::size_t i = 0; i < N; ++i) {
    out[i] = array.number(i);
    if (!std::isfinite(out[i])) {
      throw FileError(file.path(), "'" + std::string(key) + "' holds " + (std::isnan(out[i]) ? "NaN" : "infinity") +
                                       " at index " + std::to_string(i) + ", expected a finite number");
    }
  }
  return out;
}

std::vector<SceneBlock> blocks(const NpzFile& file) {
  std::vector<SceneBlock> out;
  if (!file.has(kSceneBlocksKey)) return out;
  const auto array = file.array(kSceneBlocksKey, kMaxVectorBytes);
  const auto& shape = array.shape();
  if (array.type().kind != 'f' || shape.size() != 2 || shape[0] > kMaxSceneBlocks || shape[1] != SceneBlock::kNumbers) {
    misfit(file, kSceneBlocksKey, array, "float64 or float32 [at most " + std::to_string(kMaxSceneBlocks) + ", 8]");
  }
  for (std::size_t i = 0; i < shape[0]; ++i) {
    std::array<double, SceneBlock::kNumbers> row{};
    for (std::size_t k = 0; k < row.size(); ++k) row[k] = array.number(i * row.size() + k);
    try {
      out.push_back(scene_block(row));
    } catch (const Error& error) {
      throw FileError(file.path(),
                      "'" + std::string(kSceneBlocksKey) + "', row " + std::to_string(i) + ": " + error.what());
    }
  }
  return out;
}

Observation state_of(const NpzFile& file) {
  Observation out;
  out.robot_obs = vector<15>(file, "robot_obs");
  out.scene_obs = vector<24>(file, "scene_obs");
  out.blocks = blocks(file);
  out.action = vector<7>(file, "actions");
  out.rel_action = vector<7>(file, "rel_actions");
  return out;
}

}  // namespace

std::filesystem::path calvin_frame_path(const std::filesystem::path& split, std::int64_t frame_id, int digits) {
  char name[64];
  std::snprintf(name, sizeof name, "episode_%0*lld.npz", digits, static_cast<long long>(frame_id));
  return split / name;
}

int calvin_frame_digits(const std::filesystem::path& split, std::int64_t frame_id) {
  std::error_code error;
  for (const int digits : {kFrameDigits, 6, 5, 8, 4, 9, 3, 10, 2, 1, 11, 12}) {
    if (std::filesystem::exists(calvin_frame_path(split, frame_id, digits), error)) return digits;
  }
  return kFrameDigits;
}

std::int64_t calvin_frame_id(const std::filesystem::path& file) {
  const auto stem = file.stem().string();
  constexpr std::string_view kPrefix = "episode_";
  if (file.extension() != ".npz" || !stem.starts_with(kPrefix)) return -1;
  std::int64_t id = -1;
  const char* end = stem.data() + stem.size();
  const auto [stop, error] = std::from_chars(stem.data() + kPrefix.size(), end, id);
  return error == std::errc{} && stop == end && id >= 0 ? id : -1;
}

Observation read_calvin_frame(const std::filesystem::path& path) {
  const NpzFile file(path);
  Observation out = state_of(file);
  out.rgb_static = picture(file, "rgb_static");
  if (file.has("rgb_gripper")) out.rgb_gripper = picture(file, "rgb_gripper");
  return out;
}

Observation read_calvin_state(const std::filesystem::path& path) { return state_of(NpzFile(path)); }

}  // namespace deer
