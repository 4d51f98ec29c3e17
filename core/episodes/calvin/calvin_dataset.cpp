// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/calvin/calvin_dataset.h"

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/episodes/calvin/calvin_frame.h"
#include "core/episodes/recorded_source.h"
#include "core/episodes/single_episode.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIndexFile = "ep_start_end_ids.npy";
constexpr const char* kAnnotationFile = "lang_annotations/auto_lang_ann.npy";
constexpr std::array kSplits = {"training", "validation"};
constexpr double kControlHz = 30;

// Also true if permissions prevent the check: opening the file then reports why.
bool is_there(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error) || error;
}

// CALVIN's default folder, or another of its annotation folders (lang_clip_resnet50, …), or the split itself.
std::filesystem::path find_annotations(const std::filesystem::path& split) {
  const std::string name = fs::path(kAnnotationFile).filename().string();
  if (is_there(split / kAnnotationFile)) return split / kAnnotationFile;
  if (is_there(split / name)) return split / name;
  // A folder with millions of frames is not listed completely.
  constexpr int kMostListed = 20'000;
  std::error_code error;
  std::vector<fs::path> found;
  int listed = 0;
  for (auto it = fs::directory_iterator(split, error); !error && it != fs::end(it) && listed < kMostListed;
       it.increment(error), ++listed) {
    if (it->path().filename().string().starts_with("lang") && is_there(it->path() / name)) {
      found.push_back(it->path() / name);
    }
  }
  return found.empty() ? fs::path() : *std::min_element(found.begin(), found.end());
}

class CalvinReader final : public FrameReader {
 public:
  CalvinReader(const CalvinSplit& split, FrameIds frames, double frames_per_second)
      : split_(split.path),
        digits_(split.frame_digits),
        frames_(frames),
        frames_per_second_(frames_per_second),
        order_(split.block_order(frames.first)),
        stretches_(split.cameras),
        cameras_(split.statistics.cameras) {}

  std::int64_t length() const override { return frames_.length(); }

  Observation load(std::int64_t index, const std::stop_token& stop) override {
    if (stop.stop_requested()) throw Cancelled();
    return placed(index, read_calvin_frame(file(index)));
  }
  Observation load_state(std::int64_t index, const std::stop_token& stop) override {
    if (stop.stop_requested()) throw Cancelled();
    return placed(index, read_calvin_state(file(index)));
  }

 private:
  std::filesystem::path file(std::int64_t index) const {
    return calvin_frame_path(split_, frames_.first + index, digits_);
  }
  Observation placed(std::int64_t index, Observation out) const {
    out.frame_id = frames_.first + index;
    out.timestamp_s = static_cast<double>(index) / frames_per_second_;
    out.cameras = cameras_of_frame(stretches_, out.frame_id);
    if (!out.cameras) out.cameras = cameras_;
    if (out.scene_obs && out.blocks.empty() && order_ != kStandardBlockOrder) {
      out.blocks = calvin_blocks(*out.scene_obs, order_);
    }
    return out;
  }

  const std::filesystem::path split_;
  const int digits_;
  const FrameIds frames_;
  const double frames_per_second_;
  const CalvinBlockOrder order_;  // an episode is of one scene
  const std::vector<CameraStretch> stretches_;
  const CameraCalibrationPtr cameras_;
};

class FrameFileReader final : public FrameReader {
 public:
  explicit FrameFileReader(std::filesystem::path file) : file_(std::move(file)) {}
  std::int64_t length() const override { return 1; }
  Observation load(std::int64_t, const std::stop_token&) override {
    auto out = read_calvin_frame(file_);
    out.frame_id = std::max<std::int64_t>(calvin_frame_id(file_), 0);
    return out;
  }

 private:
  const std::filesystem::path file_;
};

// The first frame shows whether there is a gripper camera and whether the episode can be read.
FrameSourcePtr make_source(SourceInfo info, std::vector<InstructionSpan> instructions,
                           std::unique_ptr<FrameReader> reader, const CacheOptions& cache) {
  info.has_gripper_camera = reader->load(0, {}).rgb_gripper != nullptr;
  return std::make_shared<RecordedSource>(std::move(info), std::move(instructions), std::move(reader), cache);
}

}  // namespace

CalvinBlockOrder CalvinSplit::block_order(std::int64_t frame_id) const {
  for (const auto& scene : scenes) {
    if (scene.frames.first > frame_id || scene.frames.last < frame_id) continue;
    if (const auto order = calvin_block_order(scene.scene)) return *order;
  }
  return calvin_block_order(statistics.blocks).value_or(kStandardBlockOrder);
}

bool CalvinDataset::is_split(const std::filesystem::path& path) {
  return is_there(path / kIndexFile) || is_there(path / kAnnotationFile) ||
         is_there(path / fs::path(kAnnotationFile).filename());
}

bool CalvinDataset::is_dataset(const std::filesystem::path& path) {
  return std::any_of(kSplits.begin(), kSplits.end(), [&](const char* name) { return is_split(path / name); });
}

std::shared_ptr<const CalvinDataset> CalvinDataset::open(const std::filesystem::path& path, const CacheOptions& cache,
                                                         std::optional<std::int64_t> frame_id) {
  const std::shared_ptr<CalvinDataset> out(new CalvinDataset);
  out->path_ = path;
  out->cache_ = cache;
  if (is_split(path)) {
    const auto folder = path.filename().empty() ? path.parent_path() : path;
    out->add_split(path, folder.filename().string());
  } else {
    for (const char* name : kSplits) {
      if (is_split(path / name)) {
        out->add_split(path / name, name);
      } else if (is_there(path / name)) {
        out->warnings_.push_back(
            FileError(path / name, std::string("has neither ") + kIndexFile + " nor " + kAnnotationFile).what());
      }
    }
  }
  out->list_episodes(frame_id);
  if (out->episodes_.empty()) {
    if (!out->warnings_.empty()) throw Error(out->warnings_.front());
    throw FileError(path, "is a CALVIN dataset without episodes");
  }
  return out;
}

void CalvinDataset::add_split(const std::filesystem::path& path, std::string name) {
  CalvinSplit split;
  split.name = std::move(name);
  split.path = path;
  const auto missing = [&](const char* file, const char* consequence) {
    warnings_.push_back(FileError(path / file, std::string("does not exist; ") + consequence).what());
  };
  try {
    if (is_there(path / kIndexFile)) {
      split.segments = read_play_segments(path / kIndexFile, warnings_);
    } else {
      missing(kIndexFile, "only annotated episodes are listed");
    }
  } catch (const Error& problem) {
    warnings_.push_back(problem.what());
  }
  try {
    const auto file = find_annotations(path);
    if (file.empty()) {
      missing(kAnnotationFile, "only play segments are listed");
    } else {
      split.annotations = read_annotations(file, warnings_);
      if (file != path / kAnnotationFile) {
        warnings_.push_back(FileError(file, std::string("is read in place of ") + kAnnotationFile).what());
      }
    }
    const auto first = !split.segments.empty()      ? split.segments.front().first
                       : !split.annotations.empty() ? split.annotations.front().frames.first
                                                    : 0;
    split.frame_digits = calvin_frame_digits(path, first);
    const auto has_frame = [&](std::int64_t id) { return is_there(calvin_frame_path(path, id, split.frame_digits)); };
    clip_annotations(split.annotations, split.segments, file, has_frame, warnings_);
  } catch (const Error& problem) {
    warnings_.push_back(problem.what());
  }
  split.statistics = read_calvin_statistics(path, warnings_);
  try {
    if (is_there(path / "scene_info.npy")) split.scenes = read_calvin_scenes(path / "scene_info.npy", warnings_);
  } catch (const Error& problem) {
    warnings_.push_back(problem.what());
  }
  try {
    split.cameras = read_camera_stretches(path);
  } catch (const Error& problem) {
    warnings_.push_back(problem.what());
  }
  splits_.push_back(std::move(split));
}

void CalvinDataset::list_episodes(std::optional<std::int64_t> frame_id) {
  std::vector<std::pair<EpisodeEntry, std::size_t>> all;
  for (std::size_t i = 0; i < splits_.size(); ++i) {
    const auto& split = splits_[i];
    for (const auto& annotation : split.annotations) {
      all.push_back({{EpisodeEntry::Kind::language_annotation, split.name, annotation.instruction, annotation.task,
                      annotation.frames.first, annotation.frames.last},
                     i});
    }
    for (const auto& segment : split.segments) {
      auto title = "frames " + std::to_string(segment.first) + "–" + std::to_string(segment.last);
      all.push_back(
          {{EpisodeEntry::Kind::play_segment, split.name, std::move(title), {}, segment.first, segment.last}, i});
    }
  }
  if (frame_id) {
    std::stable_partition(all.begin(), all.end(), [&](const auto& item) {
      return item.first.first_frame_id <= *frame_id && *frame_id <= item.first.last_frame_id;
    });
  }
  for (auto& [entry, split] : all) {
    episodes_.push_back(std::move(entry));
    split_of_.push_back(split);
  }
}

FrameSourcePtr CalvinDataset::open(std::size_t index) const {
  if (index >= episodes_.size()) {
    throw Error("episode " + std::to_string(index) + " does not exist: " + path_.string() + " has " +
                std::to_string(episodes_.size()));
  }
  const auto& entry = episodes_[index];
  const auto& split = splits_[split_of_[index]];
  const FrameIds frames{entry.first_frame_id, entry.last_frame_id};
  std::vector<InstructionSpan> instructions;
  if (entry.kind == EpisodeEntry::Kind::language_annotation) {
    instructions = {{0, frames.length() - 1, entry.title, entry.task}};
  } else {
    instructions = instruction_spans(frames, split.annotations);
  }
  SourceInfo info;
  info.title = split.name + ", " + entry.title;
  info.path = split.path;
  info.kind = kind();
  info.frames_per_second = split.statistics.control_hz.value_or(kControlHz);
  auto reader = std::make_unique<CalvinReader>(split, frames, info.frames_per_second);
  return make_source(std::move(info), std::move(instructions), std::move(reader), cache_);
}

std::shared_ptr<const EpisodeCollection> open_calvin_frame(const std::filesystem::path& file,
                                                           const CacheOptions& cache) {
  EpisodeEntry entry;
  entry.title = printable(file.filename().string(), 300);
  entry.first_frame_id = entry.last_frame_id = std::max<std::int64_t>(calvin_frame_id(file), 0);
  SourceInfo info;
  info.title = entry.title;
  info.path = file;
  info.kind = "CALVIN";
  return std::make_shared<SingleEpisode>(info.kind, file, std::move(entry), std::vector<std::string>{}, [=] {
    return make_source(info, {}, std::make_unique<FrameFileReader>(file), cache);
  });
}

}  // namespace deer
