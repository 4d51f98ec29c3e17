// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <opencv2/videoio.hpp>
#include <stop_token>

#include "core/base/image.h"
#include "core/episodes/media/video_index.h"

namespace deer {

/// Frames of a video by index in the order of display, however one comes to them. Decoders are only reliable going
/// forward: after a seek, the time stamp of the frame tells which one it is; without time stamps, decoding starts from
/// the beginning. Thread-safe; one frame is decoded at a time.
class VideoFile {
 public:
  /// Decodes the first frame and reads the time stamps of all. Throws FileError.
  explicit VideoFile(const std::filesystem::path& path);

  std::int64_t length() const { return length_; }
  double frames_per_second() const { return frames_per_second_; }
  /// The frame shown at `time_s` after the first one's.
  std::int64_t frame_at(double time_s) const;
  double last_time_s() const;  ///< when the last frame is shown

  /// Throws FileError if it cannot be decoded, Cancelled soon after `stop` is requested.
  ImagePtr frame(std::int64_t index, const std::stop_token& stop);

 private:
  void reopen();
  bool grab();
  void go_to(std::int64_t index, const std::stop_token& stop);
  bool seek(std::int64_t index);
  bool place();

  const std::filesystem::path path_;
  std::mutex mutex_;
  cv::VideoCapture capture_;
  VideoIndex index_;
  std::int64_t length_ = 0;
  double frames_per_second_ = 30;
  std::int64_t grabbed_ = -1;  // the frame that retrieve() would return
  bool seekable_ = true;       // until a time stamp is none of the index
};

}  // namespace deer
