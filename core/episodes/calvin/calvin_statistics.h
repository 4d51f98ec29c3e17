// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/robot/camera_model.h"

namespace deer {

/// Settings of a CALVIN recording: statistics.yaml and .hydra/merged_config.yaml.
struct CalvinStatistics {
  std::optional<double> control_hz;       ///< env.control_freq
  std::optional<double> max_rel_pos_m;    ///< robot.max_rel_pos: metres for a relative action of 1
  std::optional<double> max_rel_orn_rad;  ///< robot.max_rel_orn: radians for a relative action of 1
  std::vector<double> robot_obs_mean;     ///< 15 values as robot_obs, or empty
  std::vector<double> robot_obs_std;
  std::vector<std::string> blocks;        ///< files of scene.objects.movable_objects, in order; empty if missing
  CameraCalibrationPtr cameras;  ///< cameras.static and cameras.gripper; null if missing
};

/// Reads what exists; the rest stays empty. An unreadable file or a value of the wrong kind becomes one line in
/// `warnings`. Never throws because of a file's content.
CalvinStatistics read_calvin_statistics(const std::filesystem::path& split, std::vector<std::string>& warnings);

}  // namespace deer
