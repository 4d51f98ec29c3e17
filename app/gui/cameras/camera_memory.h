// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>

#include "core/episodes/camera/camera_source.h"

namespace deer {

/// What was chosen last in the cameras dialog: one JSON file in the folder of the settings.
class CameraMemory {
 public:
  explicit CameraMemory(const std::filesystem::path& folder) : file_(folder / "cameras.json") {}

  /// Never throws; what cannot be read has its default. Only sources, adjustments and the instruction are saved.
  CameraSourceOptions load() const;
  /// The passwords in URLs are left out. Throws FileError.
  void save(const CameraSourceOptions& cameras) const;

 private:
  std::filesystem::path file_;
};

}  // namespace deer
