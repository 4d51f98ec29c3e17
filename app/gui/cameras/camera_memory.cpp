// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/cameras/camera_memory.h"

#include <system_error>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/json_file.h"
#include "core/base/utf8.h"

namespace deer {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kMostPixels = 65536;

Json to_json(const CameraSettings& settings) {
  Json out = {{"source", valid_utf8(shown_source(settings.source))},
              {"quarter_turns", settings.quarter_turns},
              {"flip_horizontal", settings.flip_horizontal},
              {"flip_vertical", settings.flip_vertical},
              {"repeat", settings.repeat},
              {"crop", {settings.crop.x, settings.crop.y, settings.crop.width, settings.crop.height}}};
  if (settings.exposure) out["exposure"] = *settings.exposure;
  return out;
}

CameraSettings from_json(const JsonFields& json) {
  CameraSettings out;
  out.source = json.text("source");
  out.quarter_turns = static_cast<int>(json.integer_in("quarter_turns", 0, 3));
  out.flip_horizontal = json.boolean("flip_horizontal", false);
  out.flip_vertical = json.boolean("flip_vertical", false);
  out.repeat = json.boolean("repeat", false);
  const auto crop = json.integers("crop");
  if (crop.size() != 4) json.fail("crop", "four whole numbers");
  for (const auto value : crop) {
    if (value < 0 || value > kMostPixels) json.fail("crop", "four whole numbers from 0");
  }
  out.crop = {static_cast<int>(crop[0]), static_cast<int>(crop[1]), static_cast<int>(crop[2]),
              static_cast<int>(crop[3])};
  if (json.has("exposure")) out.exposure = json.number("exposure");
  return out;
}

}  // namespace

CameraSourceOptions CameraMemory::load() const {
  std::error_code error;
  if (!std::filesystem::exists(file_, error)) return {};
  try {
    const auto json = read_json(file_);
    const JsonFields fields(file_, json);
    CameraSourceOptions out;
    fields.integer_in("version", kVersion, kVersion);
    out.fixed = from_json(fields.object("static"));
    if (fields.has("gripper")) out.gripper = from_json(fields.object("gripper"));
    out.instruction = fields.text("instruction", "");
    return out;
  } catch (const Error&) {
    return {};  // fields to be filled in again, no more
  }
}

void CameraMemory::save(const CameraSourceOptions& cameras) const {
  Json out = {
      {"version", kVersion}, {"static", to_json(cameras.fixed)}, {"instruction", valid_utf8(cameras.instruction)}};
  if (cameras.gripper) out["gripper"] = to_json(*cameras.gripper);
  std::error_code error;
  std::filesystem::create_directories(file_.parent_path(), error);
  write_file_atomically(file_, out.dump(2) + "\n");
}

}  // namespace deer
