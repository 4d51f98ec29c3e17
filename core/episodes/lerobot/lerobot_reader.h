// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "core/episodes/lerobot/lerobot_index.h"
#include "core/episodes/lerobot/parquet_file.h"
#include "core/episodes/media/video_file.h"
#include "core/episodes/recording.h"

namespace deer {

/// Columns that number frames and episodes and are no series.
bool is_lerobot_bookkeeping(const std::string& column);

/// One episode of a LeRobot dataset. Its numbers are read when it opens, videos with the first picture asked for.
class LerobotReader final : public RecordingReader {
 public:
  /// `schema` is the dataset's. Throws FileError.
  LerobotReader(const LerobotIndex& index, const LerobotEpisode& episode, const RecordingSchema& schema);

  std::int64_t length() const override { return length_; }
  RecordedFrame load(std::int64_t index, const std::stop_token& stop) override;
  RecordedFrame load_series(std::int64_t index) override;

  /// Task of each frame; empty if the data have none.
  const std::vector<double>& tasks() const { return tasks_; }

 private:
  struct Camera {
    std::string column;          // of pictures in the data file; empty: a video
    std::filesystem::path file;  // empty: missing
    double start_s = 0;
    std::unique_ptr<VideoFile> video;
    std::mutex mutex;  // opens the video
  };

  void find_rows(std::int64_t episode, std::int64_t length);
  ParquetNumbers numbers_of(const std::string& column) const;
  ImagePtr picture(Camera& camera, std::int64_t index, const std::stop_token& stop);
  ImagePtr stored_picture(const Camera& camera, std::int64_t index) const;

  const std::filesystem::path root_;
  const double rate_;
  const std::int64_t first_id_;
  ParquetFile data_;
  std::int64_t first_row_ = 0;
  std::int64_t span_ = 0;           // rows from the first to the last
  std::vector<std::int64_t> rows_;  // counted from the first; empty: all of the span
  std::int64_t length_ = 0;
  std::vector<std::unique_ptr<Camera>> cameras_;
  std::vector<ParquetNumbers> series_;
  std::vector<double> times_s_;
  std::vector<double> tasks_;
};

}  // namespace deer
