// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/hdf5/hdf5_layout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/base/json_file.h"
#include "core/base/utf8.h"

namespace deer {
namespace {

constexpr std::size_t kMaxHdf5Episodes = 1'000'000;
constexpr std::size_t kMaxHdf5Members = 1000;
constexpr int kMaxHdf5Depth = 6;
constexpr std::size_t kMaxHdf5Refused = 10;
constexpr std::uint64_t kMaxSeriesWidth = 4096;  // numbers of a series in a frame
constexpr std::uint64_t kMaxPictureEdge = 8192;  // pixels
constexpr std::uint64_t kSmallestPictureEdge = 8;

std::string joined(const std::string& group, const std::string& name) {
  return group.ends_with('/') ? group + name : group + "/" + name;
}

std::string action_path(const Hdf5File& file, const std::string& group) {
  for (const char* name : {"actions", "action"}) {
    const auto path = joined(group, name);
    if (const auto found = file.array(path); found && !found->shape.empty()) return path;
  }
  return {};
}

// The JSON in an attribute; null if there is none.
Json json_attribute(const Hdf5File& file, const std::string& object, const std::string& name) {
  const auto text = file.attribute(object, name);
  if (text.empty()) return nullptr;
  try {
    return parse_json(text, file.path());
  } catch (const Error&) {
    return nullptr;
  }
}

const Json* attribute_member(const Json* json, const char* key) {
  if (json == nullptr || !json->is_object()) return nullptr;
  const auto found = json->find(key);
  return found == json->end() ? nullptr : &*found;
}

std::string attribute_text(const Json* json) {
  if (json != nullptr && json->is_array() && !json->empty()) json = &json->front();
  return json != nullptr && json->is_string() ? printable(json->get<std::string>(), 1000) : std::string();
}

std::optional<double> largest(const Json* list, std::size_t at) {
  if (list != nullptr && list->is_number()) return list->get<double>();
  if (list == nullptr || !list->is_array() || list->size() != 6 || !(*list)[at].is_number()) return std::nullopt;
  return (*list)[at].get<double>();
}

// robosuite's OSC_POSE: an input of 1 moves by output_max (m and rad), relative to the pose now.
RelativePoseAction relative_pose(const Json* controller) {
  if (controller != nullptr && controller->is_array() && !controller->empty()) controller = &controller->front();
  const auto* relative = attribute_member(controller, "control_delta");
  if (relative != nullptr && relative->is_boolean() && !relative->get<bool>()) return {};
  const auto* input = attribute_member(controller, "input_max");
  if (attribute_text(attribute_member(controller, "type")) != "OSC_POSE" || input == nullptr || *input != 1) return {};
  const auto metres = largest(attribute_member(controller, "output_max"), 0);
  const auto radians = largest(attribute_member(controller, "output_max"), 3);
  if (!metres || !radians || !(*metres > 0) || !(*radians > 0) || *metres > 10 || *radians > 10) return {};
  return {*metres, *radians};
}

void read_robosuite(const Hdf5File& file, Hdf5Episodes& out) {
  const auto args = json_attribute(file, "/data", "env_args");
  const auto info = json_attribute(file, "/data", "env_info");
  const auto problem = json_attribute(file, "/data", "problem_info");
  const auto* kwargs = attribute_member(&args, "env_kwargs");
  if (kwargs == nullptr) kwargs = &info;
  out.robot = attribute_text(attribute_member(kwargs, "robots"));
  out.relative_pose = relative_pose(attribute_member(kwargs, "controller_configs"));
  if (const auto* hz = attribute_member(kwargs, "control_freq"); hz != nullptr && hz->is_number()) {
    const double value = hz->get<double>();
    if (value > 0 && value <= 1000) out.frames_per_second = value;
  }
  const bool libero = problem.is_object() || !file.attribute("/data", "bddl_file_name").empty();
  out.kind = libero ? "LIBERO HDF5" : args.is_object() ? "robomimic HDF5" : "robosuite HDF5";
  // MuJoCo's pictures begin with the bottom row. robomimic and MimicGen turn them before they store them.
  const auto convention = file.attribute("/data", "macros_image_convention");
  out.upside_down = libero && convention != "opencv";
  out.instruction = attribute_text(attribute_member(&problem, "language_instruction"));
}

// What stands beside a ManiSkill file.
void read_maniskill(const Hdf5File& file, Hdf5Episodes& out) {
  out.kind = "ManiSkill HDF5";
  auto path = file.path();
  path.replace_extension(".json");
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return;
  try {
    const auto json = read_json(path);
    const auto* env = attribute_member(&json, "env_info");
    out.instruction = attribute_text(attribute_member(env, "env_id"));
    out.robot = attribute_text(attribute_member(attribute_member(env, "env_kwargs"), "robot_uids"));
  } catch (const Error&) {
    // Only names come from there.
  }
}

std::string known_kinds() {
  return "expected data/demo_*/actions (robomimic, LIBERO, MimicGen, robosuite), traj_*/actions (ManiSkill), or action "
         "beside observations/ (ACT, ALOHA)";
}

std::vector<std::string> alike(const Hdf5File& file, const std::string& group, std::vector<std::string> names) {
  std::vector<std::string> out;
  std::string prefix;
  for (auto& name : names) {
    if (out.empty()) {
      if (!file.is_group(joined(group, name)) || action_path(file, joined(group, name)).empty()) continue;
      prefix = name.substr(0, name.find_first_of("0123456789"));
    } else if (!name.starts_with(prefix)) {
      continue;
    }
    out.push_back(joined(group, name));
  }
  return out;
}

class FieldFinder {
 public:
  FieldFinder(const Hdf5File& file, std::string group, std::uint64_t frames)
      : file_(file), group_(std::move(group)), frames_(frames) {}

  void walk(const std::string& below, int depth, Hdf5Fields& out) {
    const auto here = below.empty() ? group_ : joined(group_, below);
    for (const auto& name : file_.children(here, kMaxHdf5Members)) {
      const auto path = below.empty() ? name : below + "/" + name;
      if (++members_ > kMaxHdf5Members)
        throw FileError(file_.path(), "'" + printable(group_) + "' has too many members");
      if (file_.is_group(joined(group_, path))) {
        // What was seen after the action: the same again.
        if (depth < kMaxHdf5Depth && path != "next_obs") walk(path, depth + 1, out);
      } else {
        try {
          if (const auto array = file_.array(joined(group_, path))) add(path, *array, out);
        } catch (const Hdf5Unsupported& problem) {
          if (out.refused.size() < kMaxHdf5Refused) out.refused.emplace_back(problem.what());
        }
      }
    }
  }

 private:
  static bool is_side(std::uint64_t side) { return side >= kSmallestPictureEdge && side <= kMaxPictureEdge; }
  static bool is_channels(std::uint64_t count) { return count == 1 || count == 3 || count == 4; }

  static std::string shown(const std::string& path) {
    for (const std::string_view prefix : {"obs/", "observations/images/", "observations/"}) {
      if (path.starts_with(prefix)) return path.substr(prefix.size());
    }
    return path;
  }

  void add(const std::string& path, const Hdf5Array& array, Hdf5Fields& out) {
    const auto& shape = array.shape;
    // A last observation follows the last action in some.
    const bool every_frame = array.rows() == frames_ || array.rows() == frames_ + 1;
    const auto name = valid_utf8(shown(path));
    const auto camera = [&](std::uint64_t height, std::uint64_t width, Hdf5Pictures pictures) {
      out.cameras.push_back({path, pictures});
      out.schema.cameras.push_back({name, static_cast<int>(width), static_cast<int>(height), false});
    };
    const bool number = array.element == Hdf5Array::Element::integer || array.element == Hdf5Array::Element::real;
    const bool says_picture = path.find("image") != std::string::npos || path.find("rgb") != std::string::npos;
    if (!every_frame) {
      if (!shape.empty()) out.left_out.push_back(valid_utf8(path) + " (" + array.describe() + ")");
    } else if (array.is_uint8 && shape.size() == 4 && is_channels(shape[3]) && is_side(shape[1]) && is_side(shape[2])) {
      camera(shape[1], shape[2], Hdf5Pictures::rows_first);
    } else if (array.is_uint8 && shape.size() == 4 && is_channels(shape[1]) && is_side(shape[2]) && is_side(shape[3])) {
      camera(shape[2], shape[3], Hdf5Pictures::channels_first);
    } else if ((array.element == Hdf5Array::Element::bytes && shape.size() == 1 && says_picture) ||
               (array.is_uint8 && shape.size() == 2 && says_picture && shape[1] >= 64)) {
      camera(0, 0, Hdf5Pictures::encoded);
    } else if (number && array.row_size() >= 1 && array.row_size() <= kMaxSeriesWidth) {
      out.series.push_back({path});
      out.schema.series.push_back({name, std::vector<std::string>(array.row_size())});
    } else {
      out.left_out.push_back(valid_utf8(path) + " (" + array.describe() + ")");
    }
  }

  const Hdf5File& file_;
  const std::string group_;
  const std::uint64_t frames_;
  std::size_t members_ = 0;
};

}  // namespace

Hdf5Episodes find_hdf5_episodes(const Hdf5File& file) {
  Hdf5Episodes out;
  if (file.is_group("/data")) {
    out.groups = alike(file, "/data", file.children("/data", kMaxHdf5Episodes));
    if (!out.groups.empty()) {
      read_robosuite(file, out);
      return out;
    }
  }
  const auto names = file.children("/", kMaxHdf5Episodes);
  if (!action_path(file, "/").empty()) {
    out.kind = file.is_group("/observations") ? "ALOHA HDF5" : "HDF5";
    out.groups = {"/"};
    out.frames_per_second = 50;
    return out;
  }
  out.groups = alike(file, "/", names);
  if (!out.groups.empty()) {
    if (out.groups.front().starts_with("/traj_")) {
      read_maniskill(file, out);
    } else {
      out.kind = "HDF5";
    }
    return out;
  }
  std::string found;
  for (std::size_t i = 0; i < names.size() && i < 8; ++i) found += (i > 0 ? ", " : "") + printable(names[i], 40);
  if (names.size() > 8) found += ", …";
  throw FileError(file.path(), "is an HDF5 file that holds neither a trace nor episodes: its root has " +
                                   (found.empty() ? "nothing" : found) + "; " + known_kinds());
}

std::int64_t hdf5_length(const Hdf5File& file, const std::string& group) {
  const auto path = action_path(file, group);
  if (path.empty()) throw FileError(file.path(), "'" + printable(group) + "' has no actions, which tell its length");
  return static_cast<std::int64_t>(file.array(path)->rows());
}

Hdf5Fields find_hdf5_fields(const Hdf5File& file, const std::string& group) {
  Hdf5Fields out;
  out.frames = hdf5_length(file, group);
  if (out.frames == 0) throw FileError(file.path(), "'" + printable(group) + "' has no frames");
  FieldFinder(file, group, static_cast<std::uint64_t>(out.frames)).walk({}, 0, out);
  return out;
}

std::string hdf5_instruction(const Hdf5File& file, const std::string& group) {
  for (const char* name : {"language_instruction", "instruction", "language"}) {
    auto text = file.attribute(group, name);
    if (text.empty()) text = file.text(joined(group, name));
    if (!text.empty()) return printable(text, 1000);
  }
  const auto meta = json_attribute(file, group, "ep_meta");  // RoboCasa's
  return attribute_text(attribute_member(&meta, "lang"));
}

}  // namespace deer
