// SPDX-License-Identifier: GPL-3.0-or-later
// Two policies over the same records: where they part.
#include <algorithm>
#include <limits>

#include "core/base/error.h"
#include "core/exits/replay.h"
#include "sessions/inference/inference_worker.h"

namespace deer {
namespace {

ExitFlip flip_of(const FrameRecord& present, const FrameRecord& other) {
  ExitFlip flip;
  flip.frame = present.frame;
  flip.present_layer = present.exit_layer;
  flip.other_layer = other.exit_layer;
  flip.parting_layer = std::min(present.exit_layer, other.exit_layer);
  const auto* const probe = present.probe_at(flip.parting_layer);
  const bool limited = probe && probe->threshold < static_cast<float>(kAlwaysLeave) &&
                       probe->threshold > static_cast<float>(kNeverLeave);
  flip.delta = probe ? probe->delta : kNotEvaluated;
  flip.threshold = limited ? probe->threshold : kNotEvaluated;
  return flip;
}

}  // namespace

void InferenceWorker::compare(const Compare& task) {
  if (task.stop.stop_requested()) return;
  auto flips = std::make_shared<std::vector<ExitFlip>>();
  try {
    // What follows a frame whose deeper exits never ran cannot be known.
    std::vector<FrameRecordPtr> known;
    for (std::size_t end = probes_.size(); end > 0;) {
      const auto begin = stretch_start(end - 1);
      const auto from = probes_.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto to = probes_.begin() + static_cast<std::ptrdiff_t>(end);
      if (std::all_of(from, to, [](const auto& r) { return r->mode == RunMode::probe; })) {
        known.insert(known.end(), from, to);
      }
      end = begin;
    }
    if (engine_ && !known.empty()) {
      // Results come mixed: each waits for its counterpart.
      std::vector<FrameRecordPtr> waiting(known.size());
      const std::vector<ExitPolicy> policies{task.present, task.other};
      engine_->replay_many(
          ReplayFrames::of(known), policies,
          [&](std::size_t policy, std::int64_t place, FrameRecordPtr record) {
            auto& slot = waiting[static_cast<std::size_t>(place)];
            if (!slot) {
              slot = std::move(record);
              return;
            }
            const auto first = std::exchange(slot, nullptr);
            const auto& present = policy == 0 ? *record : *first;
            const auto& other = policy == 0 ? *first : *record;
            if (present.exit_layer != other.exit_layer) flips->push_back(flip_of(present, other));
          },
          task.stop);
    }
  } catch (const Cancelled&) {
    return;
  } catch (const std::exception& error) {
    return Q_EMIT compare_failed(task.number, QString::fromUtf8(error.what()));
  }
  if (task.stop.stop_requested()) return;
  std::sort(flips->begin(), flips->end(), [](const auto& a, const auto& b) { return a.frame < b.frame; });
  Q_EMIT compared(task.number, flips);
}

}  // namespace deer
