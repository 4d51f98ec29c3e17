// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/episodes/frame_source.h"

namespace deer {

/// Range of frame ids, both ends inclusive.
struct FrameIds {
  std::int64_t first = 0;
  std::int64_t last = 0;

  std::int64_t length() const { return last - first + 1; }
};

/// One language annotation of a CALVIN split.
struct CalvinAnnotation {
  FrameIds frames;
  std::string instruction;  ///< UTF-8, one line
  std::string task;         ///< task id; empty if the file has none
};

/// Play segments from ep_start_end_ids.npy. Invalid rows are skipped and described in `warnings`. Throws FileError.
std::vector<FrameIds> read_play_segments(const std::filesystem::path& path, std::vector<std::string>& warnings);

/// Annotations from auto_lang_ann.npy, in file order; `warnings` as above. The instruction embeddings are ignored.
/// Throws FileError.
std::vector<CalvinAnnotation> read_annotations(const std::filesystem::path& path, std::vector<std::string>& warnings);

/// The same from the file's contents.
std::vector<CalvinAnnotation> parse_annotations(std::span<const std::byte> bytes, const std::filesystem::path& path,
                                                std::vector<std::string>& warnings);

/// Shortens annotations that end beyond their play segment, and leaves out those that begin outside every one, unless
/// their frames exist nevertheless (`has_frame`). `path`, that they were read from, and what was done are described in
/// `warnings`.
void clip_annotations(std::vector<CalvinAnnotation>& annotations, std::span<const FrameIds> segments,
                      const std::filesystem::path& path, const std::function<bool(std::int64_t)>& has_frame,
                      std::vector<std::string>& warnings);

/// Spans of the annotations that touch `segment`, as indices into it (0 = its first frame), in order
/// and without overlap. Where annotations overlap, the one that starts first gets the frames (if several start
/// together, the longest, then the first in the file); the others get what remains after it, and are skipped if nothing
/// does.
std::vector<InstructionSpan> instruction_spans(const FrameIds& segment, std::span<const CalvinAnnotation> annotations);

}  // namespace deer
