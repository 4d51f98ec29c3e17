// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/lerobot/lerobot_reader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "core/base/error.h"
#include "core/base/lfs_pointer.h"
#include "core/base/mapped_file.h"
#include "core/base/number_text.h"
#include "core/episodes/media/thumbnail.h"

namespace deer {
namespace {

constexpr std::int64_t kMostLerobotFrames = 10'000'000;  // of an episode
constexpr std::size_t kMostLerobotNumbers = std::size_t{1} << 27;

}  // namespace

bool is_lerobot_bookkeeping(const std::string& column) {
  constexpr std::array<std::string_view, 5> kNames = {"timestamp", "frame_index", "episode_index", "index",
                                                      "task_index"};
  return std::find(kNames.begin(), kNames.end(), column) != kNames.end();
}

LerobotReader::LerobotReader(const LerobotIndex& index, const LerobotEpisode& episode, const RecordingSchema& schema)
    : root_(index.root),
      rate_(index.info.frames_per_second),
      first_id_(episode.first),
      data_(index.root / index.data_file(episode)) {
  find_rows(episode.index, episode.length);
  std::size_t numbers = 0;
  for (const auto& series : schema.series) {
    auto& values = series_.emplace_back();
    if (data_.find(series.name) == nullptr) continue;
    numbers += series.columns.size() * static_cast<std::size_t>(span_);
    if (numbers > kMostLerobotNumbers) throw FileError(data_.path(), "has too many numbers in an episode to be shown");
    values = numbers_of(series.name);
    if (values.width == 0) continue;  // null in all frames
    if (values.width != series.columns.size()) {
      throw FileError(data_.path(), "'" + printable(series.name) + "' has " + std::to_string(values.width) +
                                        " numbers a frame, expected " + std::to_string(series.columns.size()));
    }
  }
  const auto single = [&](const char* column) -> std::vector<double> {
    const auto* const found = data_.find(column);
    if (found == nullptr || found->kind != ParquetFile::Kind::numbers) return {};
    auto read = numbers_of(column);
    return read.width == 1 ? std::move(read.values) : std::vector<double>();
  };
  times_s_ = single("timestamp");
  tasks_ = single("task_index");
  std::size_t video = 0;
  for (const auto& camera : schema.cameras) {
    auto& out = *cameras_.emplace_back(std::make_unique<Camera>());
    const auto& features = index.info.features;
    const auto feature =
        std::find_if(features.begin(), features.end(), [&](const auto& item) { return item.name == camera.name; });
    if (feature == features.end() || !feature->is_video()) {
      if (const auto* column = data_.find(camera.name); column != nullptr) out.column = camera.name;
      continue;
    }
    video = 0;
    for (auto it = features.begin(); it != feature; ++it) video += it->is_video() ? 1 : 0;
    const auto file = index.info.video_path.empty() ? std::string() : index.video_file(episode, camera.name, video);
    if (file.empty() || !index.has(file) || is_lfs_pointer(root_ / file)) continue;
    out.file = root_ / file;
    out.start_s = video < episode.videos.size() ? episode.videos[video].start_s : 0;
  }
}

// v3 puts many episodes into one file; where this one is, the rows themselves say. They may alternate with others'.
void LerobotReader::find_rows(std::int64_t episode, std::int64_t length) {
  length_ = span_ = data_.rows();
  if (const auto* column = data_.find("episode_index"); column != nullptr && data_.rows() > 0) {
    const auto all = data_.numbers("episode_index", 0, data_.rows());
    const auto wanted = static_cast<double>(episode);
    const auto first = std::find(all.values.begin(), all.values.end(), wanted);
    if (all.width != 1 || first == all.values.end()) {
      throw FileError(data_.path(), "holds no frames of episode " + std::to_string(episode));
    }
    const auto end = std::find(all.values.rbegin(), all.values.rend(), wanted).base();
    first_row_ = first - all.values.begin();
    span_ = end - first;
    length_ = std::count(first, end, wanted);
    for (auto row = first; length_ < span_ && row != end; ++row) {
      if (*row == wanted) rows_.push_back(row - first);
    }
  }
  if (length_ < 1 || length_ > kMostLerobotFrames) {
    throw FileError(data_.path(), "has " + std::to_string(length_) + " frames of episode " + std::to_string(episode) +
                                      ", expected " + std::to_string(length));
  }
}

ParquetNumbers LerobotReader::numbers_of(const std::string& column) const {
  auto read = data_.numbers(column, first_row_, span_);
  if (rows_.empty()) return read;
  ParquetNumbers out{read.width, {}};
  for (const auto row : rows_) {
    const auto begin = read.values.begin() + row * static_cast<std::ptrdiff_t>(read.width);
    out.values.insert(out.values.end(), begin, begin + static_cast<std::ptrdiff_t>(read.width));
  }
  return out;
}

RecordedFrame LerobotReader::load_series(std::int64_t index) {
  const auto at = static_cast<std::size_t>(index);
  RecordedFrame out;
  out.frame_id = first_id_ + index;
  out.timestamp_s = static_cast<double>(index) / rate_;
  if (!times_s_.empty() && std::isfinite(times_s_[at])) out.timestamp_s = times_s_[at];
  for (const auto& series : series_) {
    const auto* const row = series.values.data() + at * series.width;
    out.series.emplace_back(row, row + (series.values.empty() ? 0 : series.width));
  }
  return out;
}

RecordedFrame LerobotReader::load(std::int64_t index, const std::stop_token& stop) {
  auto out = load_series(index);
  for (const auto& camera : cameras_) {
    if (stop.stop_requested()) throw Cancelled();
    out.pictures.push_back(picture(*camera, index, stop));
  }
  return out;
}

ImagePtr LerobotReader::picture(Camera& camera, std::int64_t index, const std::stop_token& stop) {
  if (!camera.column.empty()) return stored_picture(camera, index);
  if (camera.file.empty()) return nullptr;
  VideoFile* video = nullptr;
  {
    const std::lock_guard lock(camera.mutex);
    if (!camera.video) camera.video = std::make_unique<VideoFile>(camera.file);
    video = camera.video.get();
  }
  const auto at = static_cast<std::size_t>(index);
  const bool timed = !times_s_.empty() && std::isfinite(times_s_[at]);
  const double time_s = camera.start_s + (timed ? times_s_[at] : static_cast<double>(index) / rate_);
  const double frame_s = 1 / video->frames_per_second();
  if (!(time_s > -frame_s && time_s < video->last_time_s() + 2 * frame_s)) {
    throw FileError(camera.file, "has no picture at " + fixed_text(time_s, 3) + " s");
  }
  return video->frame(video->frame_at(time_s), stop);
}

ImagePtr LerobotReader::stored_picture(const Camera& camera, std::int64_t index) const {
  const auto row = first_row_ + (rows_.empty() ? index : rows_[static_cast<std::size_t>(index)]);
  const auto bytes = data_.picture(camera.column, row);
  if (bytes.empty()) return nullptr;
  try {
    return decode_picture(std::as_bytes(std::span(bytes)));
  } catch (const Error& error) {
    throw FileError(data_.path(), "the picture '" + printable(camera.column) + "' in row " + std::to_string(row) + " " +
                                      error.what());
  }
}

}  // namespace deer
