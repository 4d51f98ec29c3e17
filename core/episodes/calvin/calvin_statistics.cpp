// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/calvin/calvin_statistics.h"

#include <yaml-cpp/yaml.h>

#include <cmath>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/episodes/calvin/camera_stretches.h"

namespace deer {
namespace {

constexpr std::size_t kMaxYaml = 4 * 1024 * 1024;

YAML::Node load(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  if (file->size() > kMaxYaml) throw FileError(path, "is too large for a settings file");
  const auto bytes = file->bytes();
  try {
    return YAML::Load(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  } catch (const YAML::Exception& error) {
    throw FileError(path, "not valid YAML at line " + std::to_string(error.mark.line + 1));
  }
}

// A positive number at section.key or, in some releases, at key.
void read_number(const YAML::Node& root, const char* section, const char* key, const std::filesystem::path& path,
                 std::optional<double>& out) {
  if (!root.IsMap()) return;
  const auto inner = root[section];
  const auto value = inner && inner.IsMap() && inner[key] ? inner[key] : root[key];
  if (!value) return;
  double number = 0;
  if (!value.IsScalar() || !YAML::convert<double>::decode(value, number) || !std::isfinite(number) || number <= 0) {
    const auto found = value.IsScalar() ? "'" + printable(value.Scalar(), 40) + "'" : std::string("not a single value");
    throw FileError(path, "'" + std::string(key) + "' is " + found + ", expected a positive number");
  }
  out = number;
}

// A list of numbers; empty for anything else.
std::vector<double> numbers(const YAML::Node& list) {
  std::vector<double> out;
  if (!list.IsSequence()) return out;
  for (const auto& item : list) {
    double number = 0;
    if (!item.IsScalar() || !YAML::convert<double>::decode(item, number)) return {};
    out.push_back(number);
  }
  return out;
}

// robot_obs is a list of transforms; the one with mean and std has the figures.
void read_robot_obs(const YAML::Node& root, const std::filesystem::path& path, CalvinStatistics& out) {
  const auto transforms = root.IsMap() ? root["robot_obs"] : YAML::Node(YAML::NodeType::Undefined);
  if (!transforms || !transforms.IsSequence()) return;
  for (const auto& transform : transforms) {
    if (!transform.IsMap() || !transform["mean"] || !transform["std"]) continue;
    auto mean = numbers(transform["mean"]);
    auto deviation = numbers(transform["std"]);
    if (mean.size() != 15 || deviation.size() != 15) {
      throw FileError(path, "'robot_obs' has a mean or std that is not a list of 15 numbers");
    }
    out.robot_obs_mean = std::move(mean);
    out.robot_obs_std = std::move(deviation);
    return;
  }
}

// scene.objects.movable_objects: a map of blocks, whose order is that of scene_obs.
void read_blocks(const YAML::Node& root, CalvinStatistics& out) {
  auto node = root;
  for (const char* key : {"scene", "objects", "movable_objects"}) {
    if (!node.IsMap() || !node[key]) return;
    node.reset(node[key]);
  }
  if (!node.IsMap()) return;
  std::vector<std::string> files;
  for (const auto& block : node) {
    const auto file = block.second.IsMap() ? block.second["file"] : YAML::Node(YAML::NodeType::Undefined);
    files.push_back(file && file.IsScalar() ? file.Scalar() : block.first.Scalar());
  }
  out.blocks = std::move(files);
}

}  // namespace

CalvinStatistics read_calvin_statistics(const std::filesystem::path& split, std::vector<std::string>& warnings) {
  CalvinStatistics out;
  for (const char* name : {"statistics.yaml", ".hydra/merged_config.yaml"}) {
    const auto path = split / name;
    std::error_code error;
    if (!std::filesystem::exists(path, error)) continue;
    try {
      const auto root = load(path);
      read_robot_obs(root, path, out);
      read_number(root, "env", "control_freq", path, out.control_hz);
      read_number(root, "robot", "max_rel_pos", path, out.max_rel_pos_m);
      read_number(root, "robot", "max_rel_orn", path, out.max_rel_orn_rad);
      read_blocks(root, out);
      if (auto cameras = calvin_cameras(root, path)) out.cameras = std::move(cameras);
    } catch (const Error& problem) {
      warnings.push_back(problem.what());
    } catch (const YAML::Exception&) {
      warnings.push_back(FileError(path, "does not contain settings").what());
    }
  }
  return out;
}

}  // namespace deer
