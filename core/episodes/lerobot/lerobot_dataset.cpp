// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/lerobot/lerobot_dataset.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/base/error.h"
#include "core/base/lfs_pointer.h"
#include "core/episodes/lerobot/lerobot_reader.h"
#include "core/episodes/recording_collection.h"

namespace deer {
namespace {

constexpr std::size_t kMaxLerobotWidth = 4096;
constexpr std::size_t kMostFilesTried = 1000;

// Data files that git-LFS has not downloaded. To look into each is slow on a network disk, so it is done only where the
// first or the last one is a pointer.
class DataPointers {
 public:
  explicit DataPointers(const LerobotIndex& index) : index_(index) {
    const auto is_there = [&](const LerobotEpisode& episode) { return index.has(index.data_file(episode)); };
    const auto first = std::find_if(index.episodes.begin(), index.episodes.end(), is_there);
    const auto last = std::find_if(index.episodes.rbegin(), index.episodes.rend(), is_there);
    if (first == index.episodes.end()) return;
    any_ = is_pointer(index.data_file(*first)) || is_pointer(index.data_file(*last));
  }
  bool has(const std::string& file) { return any_ && is_pointer(file); }

 private:
  bool is_pointer(const std::string& file) {
    const auto [known, added] = known_.try_emplace(file, false);
    if (added) known->second = is_lfs_pointer(index_.root / file);
    return known->second;
  }

  const LerobotIndex& index_;
  bool any_ = false;
  std::map<std::string, bool> known_;
};

std::vector<LerobotEpisode> present_episodes(LerobotIndex& index) {
  std::vector<LerobotEpisode> out;
  DataPointers pointers(index);
  std::size_t absent = 0;
  std::string first;
  for (auto& episode : index.episodes) {
    const auto file = index.data_file(episode);
    const bool pointer = index.has(file) && pointers.has(file);
    if (episode.length > 0 && index.has(file) && !pointer) {
      out.push_back(std::move(episode));
    } else if (absent++ == 0) {
      first = printable(file) + (pointer ? ", which is a git-LFS pointer: it was not downloaded (git lfs pull)" : "");
    }
  }
  if (absent > 0) {
    index.warnings.insert(
        index.warnings.begin(),
        FileError(index.root, std::to_string(absent) + " of " + std::to_string(index.episodes.size()) +
                                  " episodes have no data, the first for lack of " + first)
            .what());
  }
  return out;
}

void name_missing_videos(LerobotIndex& index) {
  std::size_t camera = 0;
  for (const auto& feature : index.info.features) {
    if (!feature.is_video()) continue;
    std::size_t absent = 0;
    std::string first;
    for (const auto& episode : index.episodes) {
      const auto file = index.info.video_path.empty() ? "" : index.video_file(episode, feature.name, camera);
      if (!file.empty() && index.has(file)) continue;
      if (absent++ == 0) first = file;
    }
    ++camera;
    if (absent == 0) continue;
    const auto count = absent == index.episodes.size() ? std::string("no episode has")
                                                       : std::to_string(index.episodes.size() - absent) + " of " +
                                                             std::to_string(index.episodes.size()) + " episodes have";
    index.warnings.push_back(FileError(index.root, count + " a video of '" + printable(feature.name) + "'" +
                                                       (first.empty() ? "" : "; missing is " + printable(first)))
                                 .what());
  }
}

// Cameras from info.json, series from a data file: descriptions and files differ in published datasets.
class SchemaReader {
 public:
  SchemaReader(LerobotIndex& index, const ParquetFile& data) : index_(index), data_(data) {}

  RecordingSchema read() {
    for (const auto& feature : index_.info.features) add_camera(feature);
    for (const auto& column : data_.columns()) {
      if (!is_lerobot_bookkeeping(column.name)) add(column);
    }
    for (const auto& feature : index_.info.features) name_absent(feature);
    if (!not_shown_.empty()) {
      warn("these columns of info.json are not shown: " + not_shown_);
    }
    index_.warnings.insert(index_.warnings.end(), warnings_.begin(), warnings_.end());
    return std::move(out_);
  }

 private:
  void warn(const std::string& problem) {
    warnings_.push_back(FileError(index_.root / "meta" / "info.json", problem).what());
  }
  void leave_out(const std::string& name, const char* reason) {
    not_shown_ += (not_shown_.empty() ? "" : ", ") + printable(name) + " (" + reason + ")";
  }

  const LerobotInfo::Feature* described(const std::string& name) const {
    const auto& features = index_.info.features;
    const auto found =
        std::find_if(features.begin(), features.end(), [&](const auto& one) { return one.name == name; });
    return found == features.end() ? nullptr : &*found;
  }

  void add_camera(const LerobotInfo::Feature& feature) {
    const auto* const column = data_.find(feature.name);
    const bool stored = column != nullptr && column->kind == ParquetFile::Kind::picture;
    if (!feature.is_video() && !stored) return;
    const auto side = [&](std::size_t at) {
      return feature.shape.size() == 3 ? static_cast<int>(std::clamp<std::int64_t>(feature.shape[at], 0, 1 << 16)) : 0;
    };
    const bool channels_first = feature.shape.size() == 3 && feature.shape[0] <= 4;
    out_.cameras.push_back({feature.name, side(channels_first ? 2 : 1), side(channels_first ? 1 : 0), false});
  }

  std::size_t width_of(const std::string& column) const {
    const auto width = data_.numbers(column, 0, std::min<std::int64_t>(data_.rows(), 1)).width;
    return width > 0 ? width : data_.numbers(column, 0, data_.rows()).width;  // the first row is null
  }

  void add(const ParquetFile::Column& column) {
    const auto* const feature = described(column.name);
    if (column.kind == ParquetFile::Kind::picture && feature == nullptr) out_.cameras.push_back({column.name});
    if (column.kind != ParquetFile::Kind::numbers) return;
    const auto width = width_of(column.name);
    if (width == 0) return leave_out(column.name, "empty");
    if (width > kMaxLerobotWidth) return leave_out(column.name, "too many numbers");
    RecordedSeries series{column.name, std::vector<std::string>(width)};
    const auto names = feature == nullptr ? 0 : feature->names.size();
    if (names == width) series.columns = feature->names;
    if (names > 0 && names != width) {
      warn("'" + printable(column.name) + "' has " + std::to_string(names) +
           (names == 1 ? " name for " : " names for ") + std::to_string(width) + " numbers; they are counted instead");
    }
    out_.series.push_back(std::move(series));
  }

  void name_absent(const LerobotInfo::Feature& feature) {
    if (feature.is_video() || is_lerobot_bookkeeping(feature.name)) return;
    const auto* const column = data_.find(feature.name);
    const bool text = feature.dtype == "string" || feature.dtype == "language";
    if (column == nullptr) return leave_out(feature.name, "missing in the data");
    if (text || column->kind == ParquetFile::Kind::numbers || column->kind == ParquetFile::Kind::picture) return;
    leave_out(feature.name, column->kind == ParquetFile::Kind::text ? "text" : "no numbers");
  }

  LerobotIndex& index_;
  const ParquetFile& data_;
  RecordingSchema out_;
  std::string not_shown_;
  std::vector<std::string> warnings_;
};

// How many frames the episodes in this file have, where that is not what meta/ says.
void compare_lengths(LerobotIndex& index, const std::string& file, const ParquetFile& data) {
  const auto* const column = data.find("episode_index");
  if (column == nullptr || column->kind != ParquetFile::Kind::numbers) return;
  std::unordered_map<double, std::int64_t> rows;
  try {
    for (const double episode : data.numbers("episode_index", 0, data.rows()).values) ++rows[episode];
  } catch (const Error&) {
    return;  // opening an episode says what is wrong
  }
  std::size_t unlike = 0;
  std::string first;
  for (auto& episode : index.episodes) {
    if (index.data_file(episode) != file) continue;
    const auto found = rows.find(static_cast<double>(episode.index));
    const auto length = found == rows.end() ? 0 : found->second;
    if (length == episode.length) continue;
    if (unlike++ == 0) {
      first = "has " + std::to_string(length) + " frames of episode " + std::to_string(episode.index) +
              ", but meta/ says " + std::to_string(episode.length);
    }
    if (length > 0) episode.length = length;
  }
  if (unlike == 0) return;
  if (unlike > 1) first += "; so it is with " + std::to_string(unlike) + " of its episodes";
  index.warnings.push_back(FileError(data.path(), first).what());
}

// From the first data file that can be read.
RecordingSchema lerobot_schema_of(LerobotIndex& index) {
  std::string problem;
  std::set<std::string> tried;
  for (std::size_t i = 0; i < index.episodes.size() && tried.size() < kMostFilesTried; ++i) {
    const auto file = index.data_file(index.episodes[i]);
    if (!tried.insert(file).second) continue;
    try {
      const ParquetFile data(index.root / file);
      auto out = SchemaReader(index, data).read();
      if (!problem.empty()) index.warnings.push_back(problem);
      out.robot = index.info.robot;
      compare_lengths(index, file, data);
      return out;
    } catch (const Error& error) {
      if (!ParquetFile::is_available()) throw;
      if (problem.empty()) problem = error.what();
    }
  }
  if (!problem.empty()) throw Error(problem);
  RecordingSchema none;
  none.robot = index.info.robot;
  return none;
}

// Stretches of equal task_index; the episode's own task where the data name none.
std::vector<InstructionSpan> lerobot_spans_of(const LerobotReader& reader, const LerobotIndex& index,
                                              const LerobotEpisode& episode) {
  std::vector<InstructionSpan> out;
  const auto& tasks = reader.tasks();
  const auto text = [&](std::size_t frame) {
    const double task = frame < tasks.size() ? tasks[frame] : -1;
    const auto found = task >= 0 && task < 1e15 ? index.tasks.find(static_cast<std::int64_t>(task)) : index.tasks.end();
    return found == index.tasks.end() ? episode.task : found->second;
  };
  const auto length = static_cast<std::size_t>(reader.length());
  for (std::size_t begin = 0; begin < length;) {
    auto end = begin + 1;
    if (tasks.empty()) end = length;
    while (end < length && tasks[end] == tasks[begin]) ++end;
    const auto instruction = text(begin);
    if (!instruction.empty()) {
      out.push_back({static_cast<std::int64_t>(begin), static_cast<std::int64_t>(end) - 1, instruction, {}});
    }
    begin = end;
  }
  return out;
}

}  // namespace

std::shared_ptr<const EpisodeCollection> open_lerobot(const std::filesystem::path& root,
                                                      const OpenSourceOptions& options) {
  if (!ParquetFile::is_available()) {
    throw FileError(root,
                    "is a LeRobot dataset, which this build cannot read: Apache Arrow was not there when it was built "
                    "(packaging/setup.sh fetches it; then build again)");
  }
  const auto index = std::make_shared<LerobotIndex>(read_lerobot_index(root));
  index->episodes = present_episodes(*index);
  RecordingContents contents;
  if (!index->episodes.empty()) {
    name_missing_videos(*index);
    contents.schema = lerobot_schema_of(*index);
  }
  contents.kind = "LeRobot " + index->info.version;
  contents.path = root;
  contents.frames_per_second = index->info.frames_per_second;
  contents.entries.reserve(index->episodes.size());
  for (const auto& episode : index->episodes) {
    EpisodeEntry entry;
    entry.kind = episode.task.empty() ? EpisodeEntry::Kind::whole : EpisodeEntry::Kind::language_annotation;
    entry.title = "episode " + std::to_string(episode.index) + (episode.task.empty() ? "" : ": " + episode.task);
    entry.first_frame_id = episode.first;
    entry.last_frame_id = episode.first + episode.length - 1;
    contents.entries.push_back(std::move(entry));
  }
  contents.warnings = std::move(index->warnings);
  contents.open = [index, schema = contents.schema](std::size_t place) {
    const auto& episode = index->episodes[place];
    auto reader = std::make_unique<LerobotReader>(*index, episode, schema);
    OpenedRecording out;
    out.title = printable(index->root.filename().string(), 300) + ", episode " + std::to_string(episode.index);
    out.path = index->root;
    out.instructions = lerobot_spans_of(*reader, *index, episode);
    out.reader = std::move(reader);
    return out;
  };
  return std::make_shared<RecordingCollection>(std::move(contents), options);
}

}  // namespace deer
