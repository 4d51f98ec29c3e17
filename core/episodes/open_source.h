// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/episodes/frame_source.h"

namespace deer {

/// One entry of the episode list.
struct EpisodeEntry {
  enum class Kind { play_segment, language_annotation, whole };
  Kind kind = Kind::whole;
  std::string split;  ///< "training", "validation", or empty
  std::string title;  ///< instruction, or "frames 358482–358521"
  std::string task;   ///< CALVIN's task id; may be empty
  std::int64_t first_frame_id = 0;
  std::int64_t last_frame_id = 0;  ///< inclusive
  std::int64_t length() const { return last_frame_id - first_frame_id + 1; }
};

/// Contents of a path: a CALVIN dataset (or one split of it), an image folder, or a video. Opening a dataset reads only
/// indices: no frame is read and no folder with frames is listed (except image folders, whose names are the index).
/// Thread-safe.
class EpisodeCollection {
 public:
  virtual ~EpisodeCollection() = default;
  virtual std::string kind() const = 0;  ///< "CALVIN", "images", "video"
  virtual const std::filesystem::path& path() const = 0;
  virtual const std::vector<EpisodeEntry>& episodes() const = 0;
  /// Problems that did not prevent opening ("lang_annotations/auto_lang_ann.npy: …"), for the user.
  virtual const std::vector<std::string>& warnings() const = 0;
  /// Throws Error if `index` is out of range, FileError if its first frame cannot be read.
  virtual FrameSourcePtr open(std::size_t index) const = 0;
};

/// Cache size and read-ahead of an open episode.
struct CacheOptions {
  std::size_t bytes = std::size_t{256} << 20;  ///< of cached observations, images included
  int ahead = 32;                              ///< frames after a prefetch() hint; 0 with behind = 0: no read-ahead
  int behind = 4;                              ///< frames before it
};

struct OpenSourceOptions {
  std::filesystem::path gripper;  ///< second video or image folder; empty: none
  std::string instruction;        ///< for images and videos; empty: from instruction.txt inside or next to it, if any
  CacheOptions cache;             ///< of each episode
};

/// Detects the format of `path` by its content and opens it:
/// - a CALVIN dataset (a folder with training/ or validation/) or one split (a folder with
///   ep_start_end_ids.npy or lang_annotations/auto_lang_ann.npy);
/// - one frame of such a split (episode_0358482.npz): the split, the episodes with that frame first;
///   outside a split only the frame;
/// - a folder of png, jpg or bmp images in natural order ("frame 9" before "frame 10"), or one with
///   such folders `static` and optionally `gripper`;
/// - a video.
/// Throws FileError that lists the supported formats if it is none of them.
std::shared_ptr<const EpisodeCollection> open_source(const std::filesystem::path& path,
                                                     const OpenSourceOptions& options = {});

}  // namespace deer
