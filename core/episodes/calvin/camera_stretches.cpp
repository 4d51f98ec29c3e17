// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/calvin/camera_stretches.h"

#include <algorithm>
#include <cmath>
#include <system_error>

#include "core/base/atomic_file.h"
#include "core/base/error.h"

namespace deer {
namespace {

constexpr int kVersion = 1;
constexpr std::int64_t kMaxSide = 1 << 16;
constexpr double kFar = 1e6;  // m or pixels: beyond any camera

Json to_json(const CameraModel& camera) {
  return {{"width", camera.width},
          {"height", camera.height},
          {"focal_px", {camera.focal_x, camera.focal_y}},
          {"center_px", {camera.center_x, camera.center_y}},
          {"fixed_to", camera.mount == CameraModel::Mount::world ? "world" : "tcp"},
          {"position_m", camera.mount_from_camera.position},
          {"rotation", camera.mount_from_camera.rotation}};
}

std::vector<double> numbers(const JsonFields& json, const char* key, std::size_t count) {
  auto out = json.numbers(key);
  const bool good =
      out.size() == count && std::all_of(out.begin(), out.end(), [](double v) { return std::abs(v) < kFar; });
  if (!good) json.fail(key, std::to_string(count) + " finite numbers");
  return out;
}

bool is_rotation(const std::array<double, 9>& r) {
  constexpr double kTolerance = 1e-3;
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      double product = 0;
      for (std::size_t k = 0; k < 3; ++k) product += r[3 * i + k] * r[3 * j + k];
      if (std::abs(product - (i == j ? 1 : 0)) > kTolerance) return false;
    }
  }
  const double determinant =
      r[0] * (r[4] * r[8] - r[5] * r[7]) - r[1] * (r[3] * r[8] - r[5] * r[6]) + r[2] * (r[3] * r[7] - r[4] * r[6]);
  return determinant > 0;
}

CameraModel camera_from_json(const JsonFields& json) {
  CameraModel out;
  out.width = static_cast<int>(json.integer_in("width", 1, kMaxSide));
  out.height = static_cast<int>(json.integer_in("height", 1, kMaxSide));
  const auto focal = numbers(json, "focal_px", 2);
  if (focal[0] <= 0 || focal[1] <= 0) json.fail("focal_px", "two positive numbers");
  const auto center = numbers(json, "center_px", 2);
  out.focal_x = focal[0];
  out.focal_y = focal[1];
  out.center_x = center[0];
  out.center_y = center[1];
  const auto mount = json.text("fixed_to");
  if (mount != "world" && mount != "tcp") json.fail("fixed_to", "'world' or 'tcp'");
  out.mount = mount == "world" ? CameraModel::Mount::world : CameraModel::Mount::tcp;
  std::ranges::copy(numbers(json, "position_m", 3), out.mount_from_camera.position.begin());
  std::ranges::copy(numbers(json, "rotation", 9), out.mount_from_camera.rotation.begin());
  if (!is_rotation(out.mount_from_camera.rotation)) json.fail("rotation", "a rotation matrix, row by row");
  return out;
}

}  // namespace

Json to_json(const std::vector<CameraStretch>& stretches) {
  Json out = Json::array();
  for (const auto& [frames, cameras] : stretches) {
    Json entry = {{"frames", {frames.first, frames.last}}};
    if (cameras->fixed) entry["static"] = to_json(*cameras->fixed);
    if (cameras->gripper) entry["gripper"] = to_json(*cameras->gripper);
    out.push_back(std::move(entry));
  }
  return out;
}

std::vector<CameraStretch> camera_stretches_from_json(const std::filesystem::path& file, const Json& json) {
  if (!json.is_array()) throw FileError(file, "'stretches' is not a list");
  std::vector<CameraStretch> out;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const JsonFields fields(file, json[i], "stretches[" + std::to_string(i) + "]");
    const auto frames = fields.integers("frames");
    if (frames.size() != 2 || frames[0] > frames[1]) fields.fail("frames", "the first and the last frame's id");
    auto cameras = std::make_shared<CameraCalibration>();
    if (fields.has("static")) cameras->fixed = camera_from_json(fields.object("static"));
    if (fields.has("gripper")) cameras->gripper = camera_from_json(fields.object("gripper"));
    out.push_back({{frames[0], frames[1]}, std::move(cameras)});
  }
  return out;
}

std::vector<CameraStretch> read_camera_stretches(const std::filesystem::path& split) {
  const auto path = split / kCameraFile;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return {};
  const auto json = read_json(path);
  const JsonFields fields(path, json);
  fields.integer_in("version", kVersion, kVersion);
  const auto list = json.find("stretches");
  if (list == json.end()) fields.fail("stretches", "a list");
  auto out = camera_stretches_from_json(path, *list);
  std::ranges::sort(out, {}, [](const auto& stretch) { return stretch.frames.first; });
  for (std::size_t i = 1; i < out.size(); ++i) {
    if (out[i].frames.first <= out[i - 1].frames.last) {
      throw FileError(path, "two stretches contain frame " + std::to_string(out[i].frames.first));
    }
  }
  return out;
}

void write_camera_stretches(const std::filesystem::path& split, std::vector<CameraStretch> stretches) {
  std::ranges::sort(stretches, {}, [](const auto& stretch) { return stretch.frames.first; });
  const Json json = {{"version", kVersion}, {"stretches", to_json(stretches)}};
  write_file_atomically(split / kCameraFile, json.dump() + "\n");
}

CameraCalibrationPtr cameras_of_frame(const std::vector<CameraStretch>& stretches, std::int64_t frame_id) {
  const auto after = std::ranges::upper_bound(stretches, frame_id, {}, [](const auto& s) { return s.frames.first; });
  if (after == stretches.begin()) return nullptr;
  const auto& stretch = *std::prev(after);
  return frame_id <= stretch.frames.last ? stretch.cameras : nullptr;
}

}  // namespace deer
