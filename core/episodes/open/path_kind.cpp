// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/open/path_kind.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <system_error>

namespace deer {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : char(c); });
  return text;
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

PathKind file_kind(const std::filesystem::path& file) {
  const auto extension = lower(file.extension().string());
  if (is_one_of(extension, {".safetensors", ".pth", ".pt"})) {
    const bool calibration = lower(file.filename().string()).find("calibration") != std::string::npos;
    return calibration ? PathKind::calibration : PathKind::model;
  }
  if (is_one_of(extension, {".json", ".txt"})) return PathKind::thresholds;
  if (is_one_of(extension, {".urdf", ".xacro"})) return PathKind::robot;
  if (is_one_of(extension, {".xml", ".mjcf"})) return PathKind::scene;
  if (is_one_of(extension, {".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v"})) return PathKind::video;
  return PathKind::data;
}

}  // namespace

PathKind path_kind(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return PathKind::missing;
  if (std::filesystem::is_regular_file(status)) return file_kind(path);
  for (const char* const name : {"config.json", "model.safetensors", "model.safetensors.index.json", "model.pth",
                                 "openflamingo.pt", "checkpoint.pt"}) {
    if (std::filesystem::exists(path / name, error)) return PathKind::model;
  }
  // A trained checkpoint among files that were downloaded with it.
  std::size_t seen = 0;
  for (auto it = std::filesystem::directory_iterator(path, error);
       !error && it != std::filesystem::directory_iterator() && seen < 200; it.increment(error), ++seen) {
    if (it->path().extension() == ".pth") return PathKind::model;
  }
  return PathKind::data;
}

}  // namespace deer
