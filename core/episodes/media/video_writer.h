// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/image.h"

namespace deer {

enum class VideoCodec {
  h264,   ///< plays everywhere; OpenCV's FFmpeg may lack its encoder
  mpeg4,  ///< MPEG-4 part 2
};

struct VideoFormat {
  int width = 0;  ///< pixels; both even, from 16 to 8192
  int height = 0;
  double frames_per_second = 30;                                        ///< above 0, at most 1000
  std::vector<VideoCodec> codecs{VideoCodec::h264, VideoCodec::mpeg4};  ///< the first that opens is taken
};

/// Writes an MP4 video image by image. The file is written under a temporary name and renamed once it is complete and
/// was read back; until then, and after a failure, an existing file is kept. Blocks on disk and encoder; use from one
/// thread at a time.
class VideoWriter {
 public:
  /// Throws Error for an unsupported format, and FileError if the file cannot be created or no codec opens.
  VideoWriter(std::filesystem::path path, const VideoFormat& format);
  /// Without finish(), the temporary file is removed.
  ~VideoWriter();
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;

  /// Throws Error for an image of the wrong size, FileError if the disk is full.
  void write(const Image& picture);
  /// Completes the file. Throws FileError if its contents are not what was written.
  void finish();

  std::int64_t written() const;  ///< images
  VideoCodec codec() const;
  /// Temporary path until the video is complete.
  static std::filesystem::path unfinished(const std::filesystem::path& path);

 private:
  class Private;
  std::unique_ptr<Private> d_;
};

}  // namespace deer
