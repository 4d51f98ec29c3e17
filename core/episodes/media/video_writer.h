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

/// Writes an MP4 video picture by picture. The file is made beside the one that was asked for and takes its name once
/// it is complete and was read back; until then, and after a failure, a file of that name stays as it was. Blocks on
/// disk and encoder; used from one thread at a time.
class VideoWriter {
 public:
  /// Throws Error for a format that is not possible, and FileError if the file cannot be made or no codec opens.
  VideoWriter(std::filesystem::path path, const VideoFormat& format);
  /// Without finish(), what was written is removed.
  ~VideoWriter();
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;

  /// Throws Error for a picture of another size, FileError if the disk is full.
  void write(const Image& picture);
  /// Completes the file. Throws FileError if what is on the disk is not what was written.
  void finish();

  std::int64_t written() const;  ///< pictures
  VideoCodec codec() const;
  /// Where the video is until it is complete.
  static std::filesystem::path unfinished(const std::filesystem::path& path);

 private:
  class Private;
  std::unique_ptr<Private> d_;
};

}  // namespace deer
