// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/traces/trace_side.h"

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "sessions/traces/recorded_run.h"
#include "sessions/traces/trace_episodes.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFramesAtOnce = 4096;

bool same_path(const std::string& a, const std::string& b) {
  std::error_code error;
  return fs::weakly_canonical(a, error) == fs::weakly_canonical(b, error);
}

/// Frames that both have, in the numbering of the episode's data.
struct Overlap {
  std::int64_t first = 0;
  std::int64_t last = -1;
};

/// Empty if frames agree, else what differs. `proven`: they agree in a recorded action too.
std::string difference(FrameSource& trace, std::int64_t trace_first, const TracedEpisode& episode, Overlap overlap,
                       bool& proven) {
  for (const auto frame : std::set{overlap.first, (overlap.first + overlap.last) / 2, overlap.last}) {
    const auto a = trace.read(frame - trace_first);
    const auto b = episode.frames->read(frame - episode.first_frame);
    const auto where = "frame " + std::to_string(frame);
    if (a->frame_id != b->frame_id) {
      return where + " is number " + std::to_string(a->frame_id) + " in the trace and " + std::to_string(b->frame_id) +
             " in what is open";
    }
    if (a->instruction != b->instruction) {
      return where + " has the instruction \"" + printable(a->instruction) + "\" in the trace and \"" +
             printable(b->instruction) + "\" in what is open";
    }
    const auto in_trace = recorded_action(*a);
    const auto in_episode = recorded_action(*b);
    if (in_trace.empty() || in_episode.empty()) continue;
    if (!std::equal(in_trace.begin(), in_trace.end(), in_episode.begin(), in_episode.end()))
      return "the recorded action of " + where + " is another in the trace";
    proven = true;
  }
  return {};
}

}  // namespace

TraceSide read_trace_side(const fs::path& file, const TracedEpisode& episode, const std::stop_token& stop) {
  const auto trace = open_trace(file);
  std::string why;
  std::set<std::int32_t> others;
  const auto episode_end = episode.first_frame + episode.frames->length().value_or(0);
  for (std::size_t i = 0; i < trace->episodes().size(); ++i) {
    if (stop.stop_requested()) throw Cancelled();
    const auto source = trace->open(i);
    const auto run = std::dynamic_pointer_cast<const RecordedRun>(source);
    if (run->source_episode() != episode.index) {
      others.insert(run->source_episode());
      continue;
    }
    const Overlap overlap{std::max(run->first_frame(), episode.first_frame),
                          std::min(run->first_frame() + run->frames(), episode_end) - 1};
    if (overlap.last < overlap.first) {
      why = "it has frames " + std::to_string(run->first_frame()) + " to " +
            std::to_string(run->first_frame() + run->frames() - 1) +
            " of this episode, and none of those that are open";
      continue;
    }
    bool proven = false;
    auto differs = difference(*source, run->first_frame(), episode, overlap, proven);
    if (differs.empty() && !proven && !same_path(run->source(), episode.source)) {
      differs = run->source().empty() ? std::string("it was recorded live")
                                      : "it was recorded from " + printable(run->source()) + ", and what is open is " +
                                            printable(episode.source);
    }
    if (!differs.empty()) {
      why = differs;
      continue;
    }
    TraceSide out;
    out.metadata = run->metadata();
    out.records.resize(static_cast<std::size_t>(episode.frames->length().value_or(0)));
    for (auto first = overlap.first; first <= overlap.last; first += kFramesAtOnce) {
      if (stop.stop_requested()) throw Cancelled();
      const auto count = std::min(kFramesAtOnce, overlap.last - first + 1);
      auto some = run->records(first - run->first_frame(), count, false);
      for (std::int64_t k = 0; k < count; ++k) {
        auto record = std::make_shared<FrameRecord>(*some[static_cast<std::size_t>(k)]);
        record->frame = first + k - episode.first_frame;
        out.records[static_cast<std::size_t>(record->frame)] = std::move(record);
      }
    }
    out.count = overlap.last - overlap.first + 1;
    return out;
  }
  if (why.empty()) {
    std::string list;
    for (const auto other : others) list += (list.empty() ? "" : ", ") + std::to_string(other + 1);
    why = others == std::set<std::int32_t>{-1}
              ? "it was recorded live"
              : "it holds episode " + list + ", and episode " + std::to_string(episode.index + 1) + " is open";
  }
  throw FileError(file, "is not a trace of the open episode: " + why);
}

}  // namespace deer
