// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/json_file.h"
#include "core/episodes/calvin/calvin_annotations.h"
#include "core/robot/camera_model.h"

namespace YAML {
class Node;
}

namespace deer {

/// Frames with the same camera calibration.
struct CameraStretch {
  FrameIds frames;
  CameraCalibrationPtr cameras;
};

/// File in a split's folder with the calibration of each stretch of frames (docs/formats.md).
inline constexpr const char* kCameraFile = "camera_calibration.json";

Json to_json(const std::vector<CameraStretch>& stretches);
/// `json` is the list "stretches". Throws FileError naming the field unless sizes and focal lengths are positive,
/// rotations are valid and all numbers are finite.
std::vector<CameraStretch> camera_stretches_from_json(const std::filesystem::path& file, const Json& json);

/// Reads `split`/camera_calibration.json, sorted by first frame; empty if there is none. Throws FileError.
std::vector<CameraStretch> read_camera_stretches(const std::filesystem::path& split);

/// Writes it. Throws FileError.
void write_camera_stretches(const std::filesystem::path& split, std::vector<CameraStretch> stretches);

/// The calibration of a frame; null if no stretch contains it. `stretches` are sorted and do not overlap.
CameraCalibrationPtr cameras_of_frame(const std::vector<CameraStretch>& stretches, std::int64_t frame_id);

/// Cameras from a CALVIN merged_config.yaml: the static camera's pose and field of view, and the gripper camera's field
/// of view, with its pose from calvin_tcp_from_gripper_camera(). Null if it has neither. Throws FileError naming the
/// field.
CameraCalibrationPtr calvin_cameras(const YAML::Node& config, const std::filesystem::path& file);

}  // namespace deer
