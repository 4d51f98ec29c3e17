// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/exits/policy_summary.h"
#include "core/study/spread_figure.h"
#include "core/trace/trace.h"

namespace deer {

/// Events that the depth around them is averaged over.
enum class AlignedEvent {
  grasp,               ///< a gripper's command closes it
  release,             ///< a gripper's command opens it
  instruction_change,  ///< first frame with another instruction, inside an episode
};
inline constexpr std::size_t kAlignedEvents = 3;
inline constexpr int kAlignedReach = 15;  ///< frames before and after an event
inline constexpr std::size_t kAlignedOffsets = 2 * kAlignedReach + 1;

/// Depth by offset from an event, from -kAlignedReach to kAlignedReach. Frames of other episodes do not count.
struct AlignedDepth {
  std::int64_t events = 0;
  std::array<SpreadFigure, kAlignedOffsets> depth;  ///< layers
};

/// Whether depth goes where it is needed: of each episode with three frames or more, the mean depth in layers of the
/// third of its frames in which the first exit's action is nearest to the deepest exit's, and of the third in which it
/// is farthest. Only of frames in which both exits were evaluated.
struct DepthByNeed {
  SpreadFigure nearest;
  SpreadFigure farthest;
};

/// What a run comes to over one episode.
struct EpisodeStudy {
  std::size_t trace = 0;         ///< index into Study::traces
  std::int64_t first = 0;        ///< its first frame, counted over the trace
  std::int64_t first_frame = 0;  ///< FrameRecord::frame of that frame
  std::int64_t first_frame_id = -1;
  std::string source;  ///< data that it was recorded from; empty: none
  std::int32_t source_episode = -1;
  std::string task;                   ///< task id of the data; empty: not known
  std::string instruction;            ///< of the first frame
  int instructions = 1;               ///< how often one began
  PolicySummary summary;              ///< costs in Study::cost_unit
  std::optional<std::int64_t> flips;  ///< frames that exit elsewhere under the baseline

  std::int64_t frames() const { return summary.frames; }
};

/// A frame that matches the filter.
struct StudyMatch {
  std::size_t episode = 0;  ///< index into Study::episodes
  std::int64_t offset = 0;  ///< from the episode's first frame
  std::int64_t frame = 0;   ///< FrameRecord::frame
  int depth = 0;

  bool operator==(const StudyMatch&) const = default;
};

/// What runs come to over all episodes of some traces. A value type.
struct Study {
  std::vector<std::filesystem::path> traces;
  TraceMetadata model;                 ///< of the first trace; the others' model is the same
  std::string cost_unit;               ///< "LLM GFLOPs", or "layers" if the model's sizes are not known
  std::vector<EpisodeStudy> episodes;  ///< as in the traces
  std::int64_t repeated = 0;           ///< episodes left out: an earlier trace holds them under the same policy
  PolicySummary total;
  std::array<AlignedDepth, kAlignedEvents> aligned;
  DepthByNeed by_need;

  std::string where;                ///< filter; empty: none
  std::vector<StudyMatch> matches;  ///< at most StudyOptions::most_matches
  std::int64_t match_count = 0;

  std::string baseline;        ///< file or name of the baseline's policy; empty: none
  bool baseline_exact = true;  ///< replayed by the action head over exact features
  std::string baseline_note;   ///< why it is not exact; empty if it is
};

/// Episodes of one task, or without tasks of one instruction.
struct TaskStudy {
  std::string name;  ///< "" if an episode has neither
  bool is_task = false;
  std::int64_t episodes = 0;
  std::int64_t frames = 0;
  SpreadFigure depth;     ///< over the episodes' mean depths
  double deepest = 0;     ///< largest depth of a frame
  SpreadFigure distance;  ///< over the episodes' mean distances from the deepest exit, where known
  std::vector<std::int64_t> frames_by_exit;
  std::int64_t frames_elsewhere = 0;
  double cost = 0;
  double full_cost = 0;
  std::int64_t gripper_differs = 0;   ///< from the deepest exit
  std::optional<std::int64_t> flips;  ///< of the episodes with a baseline
};

/// In order of mean depth, deepest first.
std::vector<TaskStudy> by_task(const std::vector<EpisodeStudy>& episodes);

/// What its task's group is called.
const std::string& group_name(const EpisodeStudy& episode);

/// Compute at full depth divided by the compute used; NaN if costs are not known.
double saving_times(double cost, double full_cost);
double saving_times(const PolicySummary& summary);

/// Mean of a figure that every frame has; NaN if some frames lack it: those that stopped early would be missing.
double mean_of_all(const RunningFigure& figure, std::int64_t frames);

/// Unit of PolicySummary::distance_to_deepest: "mm"; empty if the actions have no positions.
std::string distance_unit(const ActionLayout& layout);

const char* to_string(AlignedEvent event);

}  // namespace deer
