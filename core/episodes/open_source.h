// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/episodes/frame_source.h"

namespace deer {

/// One line of an episode browser.
struct EpisodeEntry {
  enum class Kind { play_segment, language_annotation, whole };
  Kind kind = Kind::whole;
  std::string split;              ///< "training", "validation", or empty
  std::string title;              ///< instruction, or "frames 358482–358521"
  std::string task;               ///< CALVIN's task id; may be empty
  std::int64_t first_frame_id = 0;
  std::int64_t last_frame_id = 0;  ///< inclusive
  std::int64_t length() const { return last_frame_id - first_frame_id + 1; }
};

/// What a path holds: a CALVIN dataset (or one split of it), a folder of images, or a video.
/// Opening reads indices only: no frame is read and no folder with frames is listed. Thread-safe.
class EpisodeCollection {
 public:
  virtual ~EpisodeCollection() = default;
  virtual std::string kind() const = 0;                ///< "CALVIN", "images", "video"
  virtual const std::filesystem::path& path() const = 0;
  virtual const std::vector<EpisodeEntry>& episodes() const = 0;
  /// Problems that did not stop the opening ("lang_annotations/auto_lang_ann.npy: …"), for the person.
  virtual const std::vector<std::string>& warnings() const = 0;
  /// Throws Error if `index` is out of range, FileError if its first frame cannot be read.
  virtual FrameSourcePtr open(std::size_t index) const = 0;
};

struct OpenSourceOptions {
  std::filesystem::path gripper;   ///< second video or image folder; empty: none
  std::string instruction;         ///< for images and videos
};

/// Recognises what `path` is by its content and opens it. Throws FileError that says what was
/// looked for if it is none of the known kinds.
std::shared_ptr<const EpisodeCollection> open_source(const std::filesystem::path& path,
                                                     const OpenSourceOptions& options = {});

}  // namespace deer
