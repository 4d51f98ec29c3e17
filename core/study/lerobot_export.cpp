// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/study/lerobot_export.h"

#include <algorithm>
#include <cctype>
#include <exception>
#include <functional>
#include <set>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/episodes/calvin_columns.h"
#include "core/episodes/lerobot/lerobot_writer.h"

namespace deer {
namespace {

constexpr const char* kPictures = "observation.images.";
constexpr const char* kStatic = "observation.images.static";
constexpr const char* kGripper = "observation.images.gripper";
constexpr const char* kState = "observation.state";
constexpr const char* kScene = "observation.environment_state";
constexpr const char* kAction = "action";
constexpr const char* kAbsolute = "absolute_action";

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
  explicit Columns(const Options& options) : options_(options) { schema_.robot = options.robot; }

  void look_at(const SourceInfo& info, const Observation& seen, const FrameRecord* record) {
    if (settled_) return;
    find_cameras(info, seen);
    find_states(info, seen);
    find_actions(info, seen, record);
    for (auto& camera : cameras_) {
      const auto picture = camera.picture(seen);
      if (camera.seen || !picture) continue;
      camera.width = picture->width;
      camera.height = picture->height;
      camera.seen = true;
    }
    const bool named = !info.cameras.empty();
    seen_all_ = std::all_of(cameras_.begin(), cameras_.end(), [](const Camera& one) { return one.seen; }) &&
                (named || has_pair(info));
  }
  bool has_seen_all() const { return seen_all_; }

  /// No more is looked at.
  void settle() {
    if (std::exchange(settled_, true)) return;
    add_predictions();
    std::vector<Camera> known;
    for (auto& camera : cameras_) {
      if (camera.width < 1 || camera.height < 1) {
        left_out_.push_back(camera.feature);
        continue;
      }
      schema_.cameras.push_back({camera.feature, camera.width, camera.height});
      known.push_back(std::move(camera));
    }
    cameras_ = std::move(known);
  }

  const RecordingSchema& schema() const { return schema_; }
  const std::vector<std::string>& left_out() const { return left_out_; }

  RecordedFrame frame(const Observation& seen, const FrameRecord* record) const {
    RecordedFrame out;
    for (const auto& camera : cameras_) out.pictures.push_back(camera.picture(seen));
    for (const auto& series : series_) out.series.push_back(series(seen, record));
    return out;
  }

 private:
  using Picture = std::function<ImagePtr(const Observation&)>;
  using Series = std::function<std::vector<double>(const Observation&, const FrameRecord*)>;
  struct Camera {
    std::string feature;
    int width = 0;  // as the source says, until a picture was seen
    int height = 0;
    Picture picture;
    bool seen = false;
  };

  bool has_camera(const std::string& feature) const {
    return std::any_of(cameras_.begin(), cameras_.end(), [&](const Camera& one) { return one.feature == feature; });
  }
  bool has_series(const std::string& feature) const {
    return std::any_of(schema_.series.begin(), schema_.series.end(),
                       [&](const RecordedSeries& one) { return one.name == feature; });
  }
  void add_series(const char* feature, std::vector<std::string> names, Series series) {
    schema_.series.push_back({feature, std::move(names)});
    series_.push_back(std::move(series));
  }

  bool has_pair(const SourceInfo& info) const {
    return (!info.has_static_camera || has_camera(kStatic)) && (!info.has_gripper_camera || has_camera(kGripper));
  }

  void find_cameras(const SourceInfo& info, const Observation& seen) {
    const bool pair = seen.rgb_static || seen.rgb_gripper;
    if (cameras_.empty() && !info.cameras.empty() && (!seen.pictures.empty() || !pair)) {
      std::set<std::string> taken;
      for (std::size_t i = 0; i < info.cameras.size(); ++i) {
        const auto size = i < info.camera_sizes.size() ? info.camera_sizes[i] : CameraSize();
        cameras_.push_back(
            {camera_feature(info.cameras[i], taken), size.width, size.height,
             [i](const Observation& one) { return i < one.pictures.size() ? one.pictures[i] : nullptr; }});
      }
      named_ = true;
    }
    if (named_) return;
    if (seen.rgb_static && !has_camera(kStatic)) {
      cameras_.push_back({kStatic, 0, 0, [](const Observation& one) { return one.rgb_static; }});
    }
    if (seen.rgb_gripper && !has_camera(kGripper)) {
      cameras_.push_back({kGripper, 0, 0, [](const Observation& one) { return one.rgb_gripper; }});
    }
  }

  void find_states(const SourceInfo& info, const Observation& seen) {
    if (seen.robot_obs && !has_series(kState)) {
      add_series(kState, calvin_robot_names(), [](const Observation& one, const FrameRecord*) {
        return one.robot_obs ? doubles(*one.robot_obs) : std::vector<double>();
      });
    } else if (const auto width = seen.state.empty() ? info.state_columns.size() : seen.state.size();
               width > 0 && !has_series(kState)) {
      std::vector<std::string> names(width);
      for (std::size_t i = 0; i < width && i < info.state_columns.size(); ++i) names[i] = info.state_columns[i].name;
      add_series(kState, std::move(names), [](const Observation& one, const FrameRecord*) { return one.state; });
    }
    if (seen.scene_obs && !has_series(kScene)) {
      add_series(kScene, std::vector<std::string>(seen.scene_obs->size()),
                 [](const Observation& one, const FrameRecord*) {
                   return one.scene_obs ? doubles(*one.scene_obs) : std::vector<double>();
                 });
    }
  }

  void find_actions(const SourceInfo& info, const Observation& seen, const FrameRecord* record) {
    if (seen.action && !has_series(kAbsolute)) {
      add_series(kAbsolute, calvin_action_names(), [](const Observation& one, const FrameRecord*) {
        return one.action ? doubles(*one.action) : std::vector<double>();
      });
    }
    if (has_series(kAction)) return;
    const auto& layout = info.action_layout;
    // Of a model's run the layout may be the model's.
    const bool named = layout && layout->steps() == 1 && !record && !options_.predictions;
    if (seen.rel_action || (named && layout->is_deer() && seen.other_action.empty())) {
      add_series(kAction, calvin_action_names(), [](const Observation& one, const FrameRecord*) {
        return one.rel_action ? doubles(*one.rel_action) : std::vector<double>();
      });
    } else if (!seen.other_action.empty() || named) {
      auto names = std::vector<std::string>(seen.other_action.empty() ? layout->width() : seen.other_action.size());
      if (layout && layout->width() == names.size()) names = column_names(*layout);
      add_series(kAction, std::move(names),
                 [](const Observation& one, const FrameRecord*) { return one.other_action; });
    } else if (record && record->layout->steps() == 1) {
      const auto names = record->layout->is_deer() ? calvin_action_names() : column_names(*record->layout);
      add_series(kAction, names, [](const Observation&, const FrameRecord* one) {
        return one ? doubles(one->command) : std::vector<double>();
      });
    }
  }

  void add_predictions() {
    if (!options_.predictions) return;
    const auto& layout = *options_.predictions;
    add_series(
        "prediction.action", layout.is_deer() ? calvin_action_names() : column_names(layout),
        [](const Observation&, const FrameRecord* one) { return one ? doubles(one->command) : std::vector<double>(); });
    add_series("prediction.exit", {"exit"}, [](const Observation&, const FrameRecord* one) {
      return one ? std::vector<double>{static_cast<double>(one->exit_index)} : std::vector<double>();
    });
    add_series("prediction.depth", {"layers"}, [](const Observation&, const FrameRecord* one) {
      return one ? std::vector<double>{static_cast<double>(one->depth())} : std::vector<double>();
    });
  }

  const Options& options_;
  RecordingSchema schema_;
  std::vector<Camera> cameras_;
  bool named_ = false;  // cameras are the source's own, not a static and a gripper camera
  bool seen_all_ = false;
  bool settled_ = false;
  std::vector<std::string> left_out_;
  std::vector<Series> series_;
};

LerobotExport::LerobotExport(std::filesystem::path folder, Options options)
    : folder_(std::move(folder)), options_(std::move(options)), columns_(std::make_unique<Columns>(options_)) {}

LerobotExport::~LerobotExport() = default;

void LerobotExport::make_folder() {
  std::error_code error;
  const bool was_there = std::filesystem::exists(folder_, error);
  make_lerobot_folder(folder_);
  made_folder_ = !was_there;
}

void LerobotExport::look_at(const SourceInfo& info, const Observation& seen) {
  if (!writer_) columns_->look_at(info, seen, nullptr);
}

bool LerobotExport::has_seen_all() const { return columns_->has_seen_all(); }

const std::vector<std::string>& LerobotExport::left_out() const { return columns_->left_out(); }

void LerobotExport::begin_split(const std::string& name) {
  split_ = name;
  if (writer_) writer_->begin_split(name);
}

void LerobotExport::add(const SourceInfo& info, const Observation& seen, const FrameRecord* record) {
  if (!writer_) {
    columns_->look_at(info, seen, record);
    columns_->settle();
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

void LerobotExport::give_up() {
  const bool began = writer_ != nullptr;
  try {
    if (began && writer_->frames() > 0) return writer_->finish();
  } catch (const std::exception&) {
    // The failure that led here is the one to tell.
  }
  std::error_code error;
  writer_.reset();
  if (std::filesystem::exists(folder_ / "meta" / "info.json", error)) return;
  for (const char* const part : {"data", "meta", "videos"}) {
    if (began) std::filesystem::remove_all(folder_ / part, error);
  }
  if (made_folder_) std::filesystem::remove(folder_, error);
}

std::int64_t LerobotExport::episodes() const { return writer_ ? writer_->episodes() : 0; }
std::int64_t LerobotExport::frames() const { return writer_ ? writer_->frames() : 0; }

}  // namespace deer
