// SPDX-License-Identifier: GPL-3.0-or-later
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <numbers>

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/episodes/calvin/camera_stretches.h"

namespace deer {
namespace {

constexpr double kRadians = std::numbers::pi / 180;

double number(const YAML::Node& node, const std::string& field, const std::filesystem::path& file, double low,
              double high) {
  double out = 0;
  if (!node || !node.IsScalar() || !YAML::convert<double>::decode(node, out) || !(out >= low && out <= high)) {
    throw FileError(file,
                    "'" + field + "' is not a number from " + general_text(low, 6) + " to " + general_text(high, 6));
  }
  return out;
}

Vector3 vector(const YAML::Node& node, const std::string& field, const std::filesystem::path& file) {
  constexpr double kFar = 1e3;  // m
  if (!node || !node.IsSequence() || node.size() != 3) throw FileError(file, "'" + field + "' is not three numbers");
  Vector3 out{};
  for (std::size_t i = 0; i < 3; ++i) out[i] = number(node[i], field, file, -kFar, kFar);
  return out;
}

// NaN if one of them has zero length.
double sine_between(const Vector3& a, const Vector3& b) {
  const double across = std::hypot(a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]);
  return across / std::hypot(a[0], a[1], a[2]) / std::hypot(b[0], b[1], b[2]);
}

CameraModel camera(const YAML::Node& node, const std::string& name, const std::filesystem::path& file) {
  const auto width = static_cast<int>(number(node["width"], name + ".width", file, 1, 1 << 16));
  const auto height = static_cast<int>(number(node["height"], name + ".height", file, 1, 1 << 16));
  auto out = camera_from_fov(width, height, number(node["fov"], name + ".fov", file, 0.1, 170) * kRadians);
  // The projection stretches the field of view to the image, whatever its aspect ratio.
  if (node["aspect"])
    out.focal_x = out.focal_y * width / height / number(node["aspect"], name + ".aspect", file, 0.01, 100);
  return out;
}

// By the name of the robot's URDF.
CalvinHand hand_of(const YAML::Node& config) {
  const auto robot = config["robot"];
  const auto file = robot && robot.IsMap() ? robot["filename"] : YAML::Node(YAML::NodeType::Undefined);
  if (!file || !file.IsScalar()) return CalvinHand::longer_finger;
  const auto name = std::filesystem::path(file.Scalar()).filename();
  return name == "panda_digit.urdf" ? CalvinHand::digit
         : name == "panda.urdf"     ? CalvinHand::plain
                                    : CalvinHand::longer_finger;
}

}  // namespace

CameraCalibrationPtr calvin_cameras(const YAML::Node& config, const std::filesystem::path& file) {
  const auto cameras = config.IsMap() ? config["cameras"] : YAML::Node(YAML::NodeType::Undefined);
  if (!cameras || !cameras.IsMap()) return nullptr;
  auto out = std::make_shared<CameraCalibration>();
  if (const auto node = cameras["static"]; node && node.IsMap()) {
    const auto eye = vector(node["look_from"], "cameras.static.look_from", file);
    const auto target = vector(node["look_at"], "cameras.static.look_at", file);
    const auto up = vector(node["up_vector"], "cameras.static.up_vector", file);
    out->fixed = camera(node, "cameras.static", file);
    if (!(sine_between({target[0] - eye[0], target[1] - eye[1], target[2] - eye[2]}, up) > 1e-6)) {
      throw FileError(file, "'cameras.static' has no direction: look_from, look_at and up_vector are collinear");
    }
    out->fixed->mount_from_camera = world_from_looking_camera(eye, target, up);
  }
  if (const auto node = cameras["gripper"]; node && node.IsMap()) {
    out->gripper = camera(node, "cameras.gripper", file);
    out->gripper->mount = CameraModel::Mount::tcp;
    out->gripper->mount_from_camera = calvin_tcp_from_gripper_camera(hand_of(config));
  }
  if (!out->fixed && !out->gripper) return nullptr;
  return out;
}

}  // namespace deer
