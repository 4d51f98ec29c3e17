// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace deer {

/// When each frame of a video is shown, from its packets, without decoding it.
struct VideoIndex {
  std::vector<double> times_ms;  ///< of frames 0, 1, …, from the first one's; increasing
  bool timed = true;  ///< false: packets without time stamps, or two with the same; times_ms only counts the frames

  double start_ms = 0;  ///< of frame 0, from the stream's start

  std::int64_t frames() const { return static_cast<std::int64_t>(times_ms.size()); }
  /// The frame whose time is nearest. There is at least one.
  std::int64_t nearest(double time_ms) const;
  /// Makes frame `first` frame 0.
  void begin_with(std::int64_t first);
};

/// Reads the packets of the video stream that FFmpeg holds for the best. Frames that an edit list hides are left out,
/// as a decoder leaves them out. Reads the whole file, at the speed of the disk. Throws FileError.
VideoIndex read_video_index(const std::filesystem::path& path);

}  // namespace deer
