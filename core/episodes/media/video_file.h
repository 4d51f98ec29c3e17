// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <opencv2/videoio.hpp>
#include <stop_token>

#include "core/base/image.h"

namespace deer {

/// Frames of a video by index in decoding order. Decoders are only reliable going forward: seeking is used if the
/// resulting frame has the time stamp expected for its index; otherwise decoding starts from the beginning.
/// Thread-safe; one frame is decoded at a time.
class VideoFile {
 public:
  /// Decodes the first frame. Throws FileError.
  explicit VideoFile(const std::filesystem::path& path);

  std::int64_t length() const { return length_; }
  double frames_per_second() const { return frames_per_second_; }

  /// Throws FileError if it cannot be decoded, Cancelled soon after `stop` is requested.
  ImagePtr frame(std::int64_t index, const std::stop_token& stop);

 private:
  void reopen();
  bool grab();
  void go_to(std::int64_t index, const std::stop_token& stop);
  bool seek(std::int64_t index);
  bool on_time(std::int64_t index) const;

  const std::filesystem::path path_;
  std::mutex mutex_;
  cv::VideoCapture capture_;
  std::int64_t length_ = 0;
  double frames_per_second_ = 30;
  double start_ms_ = 0;        // time stamp of frame 0
  std::int64_t grabbed_ = -1;  // the frame that retrieve() would return
  bool seekable_ = true;       // until a seek ends at the wrong frame
};

}  // namespace deer
