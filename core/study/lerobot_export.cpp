// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/study/lerobot_export.h"

#include <cctype>
#include <functional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/episodes/lerobot/lerobot_writer.h"

namespace deer {
namespace {

constexpr const char* kPictures = "observation.images.";

const std::vector<std::string>& pose_names() {
  static const std::vector<std::string> names = {"x", "y", "z", "roll", "pitch", "yaw", "gripper"};
  return names;
}

std::vector<std::string> robot_names() {
  auto out = pose_names();
  out.back() = "gripper_width";
  for (int joint = 1; joint <= 7; ++joint) out.push_back("joint_" + std::to_string(joint));
  out.push_back("gripper");
  return out;
}

// "obs/agentview_image" becomes "observation.images.agentview_image"; no two features share a name.
std::string camera_feature(const std::string& camera, std::set<std::string>& taken) {
  const auto at = camera.starts_with(kPictures) ? std::string(kPictures).size() : camera.find_last_of('/') + 1;
  std::string name;
  for (const char c : camera.substr(at)) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
    name += plain ? c : '_';
  }
  if (name.empty()) name = "camera";
  auto out = kPictures + name;
  for (int number = 2; !taken.insert(out).second; ++number) out = kPictures + name + "_" + std::to_string(number);
  return out;
}

std::vector<std::string> column_names(const ActionLayout& layout) {
  std::vector<std::string> out;
  for (std::size_t step = 0; step < layout.steps(); ++step) {
    for (const auto& dimension : layout.dimensions()) {
      out.push_back(layout.steps() == 1 ? dimension.name : dimension.name + "_" + std::to_string(step));
    }
  }
  return out;
}

template <typename Values>
std::vector<double> doubles(const Values& values) {
  return {values.begin(), values.end()};
}

}  // namespace

/// Where the numbers and pictures of a dataset come from.
class LerobotExport::Columns {
 public:
  Columns(const SourceInfo& info, const Observation& seen, const FrameRecord* record, const Options& options) {
    schema_.robot = options.robot;
    find_cameras(info, seen);
    find_states(info, seen);
    find_actions(info, seen, record, options);
  }

  const RecordingSchema& schema() const { return schema_; }

  RecordedFrame frame(const Observation& seen, const FrameRecord* record) const {
    RecordedFrame out;
    for (const auto& picture : pictures_) out.pictures.push_back(picture(seen));
    for (const auto& series : series_) out.series.push_back(series(seen, record));
    return out;
  }

 private:
  using Picture = std::function<ImagePtr(const Observation&)>;
  using Series = std::function<std::vector<double>(const Observation&, const FrameRecord*)>;

  void add_camera(std::string feature, Picture picture) {
    schema_.cameras.push_back({std::move(feature)});
    pictures_.push_back(std::move(picture));
  }
  void add_series(const char* feature, std::vector<std::string> names, Series series) {
    schema_.series.push_back({feature, std::move(names)});
    series_.push_back(std::move(series));
  }

  void find_cameras(const SourceInfo& info, const Observation& seen) {
    std::set<std::string> taken;
    for (std::size_t i = 0; i < info.cameras.size() && i < seen.pictures.size(); ++i) {
      add_camera(camera_feature(info.cameras[i], taken),
                 [i](const Observation& one) { return i < one.pictures.size() ? one.pictures[i] : nullptr; });
    }
    if (!pictures_.empty()) return;
    if (seen.rgb_static) add_camera("observation.images.static", [](const auto& one) { return one.rgb_static; });
    if (seen.rgb_gripper) add_camera("observation.images.gripper", [](const auto& one) { return one.rgb_gripper; });
  }

  void find_states(const SourceInfo& info, const Observation& seen) {
    if (seen.robot_obs) {
      add_series("observation.state", robot_names(), [](const Observation& one, const FrameRecord*) {
        return one.robot_obs ? doubles(*one.robot_obs) : std::vector<double>();
      });
    } else if (!seen.state.empty()) {
      std::vector<std::string> names(seen.state.size());
      for (std::size_t i = 0; i < names.size() && i < info.state_columns.size(); ++i) {
        names[i] = info.state_columns[i].name;
      }
      add_series("observation.state", std::move(names),
                 [](const Observation& one, const FrameRecord*) { return one.state; });
    }
    if (seen.scene_obs) {
      add_series("observation.environment_state", std::vector<std::string>(seen.scene_obs->size()),
                 [](const Observation& one, const FrameRecord*) {
                   return one.scene_obs ? doubles(*one.scene_obs) : std::vector<double>();
                 });
    }
  }

  void find_actions(const SourceInfo& info, const Observation& seen, const FrameRecord* record,
                    const Options& options) {
    if (seen.rel_action) {
      add_series("action", pose_names(), [](const Observation& one, const FrameRecord*) {
        return one.rel_action ? doubles(*one.rel_action) : std::vector<double>();
      });
    } else if (!seen.other_action.empty()) {
      auto names = std::vector<std::string>(seen.other_action.size());
      if (info.action_layout && info.action_layout->width() == names.size()) names = column_names(*info.action_layout);
      add_series("action", std::move(names),
                 [](const Observation& one, const FrameRecord*) { return one.other_action; });
    } else if (record && record->layout->steps() == 1) {
      const auto names = record->layout->is_deer() ? pose_names() : column_names(*record->layout);
      add_series("action", names, [](const Observation&, const FrameRecord* one) {
        return one ? doubles(one->command) : std::vector<double>();
      });
    }
    if (seen.action) {
      add_series("absolute_action", pose_names(), [](const Observation& one, const FrameRecord*) {
        return one.action ? doubles(*one.action) : std::vector<double>();
      });
    }
    if (!options.predictions) return;
    const auto& layout = *options.predictions;
    add_series(
        "prediction.action", layout.is_deer() ? pose_names() : column_names(layout),
        [](const Observation&, const FrameRecord* one) { return one ? doubles(one->command) : std::vector<double>(); });
    add_series("prediction.exit", {"exit"}, [](const Observation&, const FrameRecord* one) {
      return one ? std::vector<double>{static_cast<double>(one->exit_index)} : std::vector<double>();
    });
    add_series("prediction.depth", {"layers"}, [](const Observation&, const FrameRecord* one) {
      return one ? std::vector<double>{static_cast<double>(one->depth())} : std::vector<double>();
    });
  }

  RecordingSchema schema_;
  std::vector<Picture> pictures_;
  std::vector<Series> series_;
};

LerobotExport::LerobotExport(std::filesystem::path folder, Options options)
    : folder_(std::move(folder)), options_(std::move(options)) {}

LerobotExport::~LerobotExport() = default;

void LerobotExport::begin_split(const std::string& name) {
  split_ = name;
  if (writer_) writer_->begin_split(name);
}

void LerobotExport::add(const SourceInfo& info, const Observation& seen, const FrameRecord* record) {
  if (!writer_) {
    columns_ = std::make_unique<Columns>(info, seen, record, options_);
    LerobotWriterOptions options;
    if (options_.files_by_episode) options.frames_a_file = 1;
    options.videos = options_.videos;
    writer_ = std::make_unique<LerobotWriter>(folder_, columns_->schema(), info.frames_per_second, options);
    writer_->begin_split(split_);
  }
  writer_->add(columns_->frame(seen, record), seen.instruction);
}

void LerobotExport::end_episode() {
  if (writer_) writer_->end_episode();
}

void LerobotExport::finish() {
  if (!writer_) throw FileError(folder_, "gets no frame: a LeRobot dataset needs one at least");
  writer_->finish();
}

std::int64_t LerobotExport::episodes() const { return writer_ ? writer_->episodes() : 0; }
std::int64_t LerobotExport::frames() const { return writer_ ? writer_->frames() : 0; }

}  // namespace deer
