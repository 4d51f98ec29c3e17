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

// Stretches between two resets in which every exit of every frame was evaluated: what follows a frame whose deeper
// exits never ran cannot be known.
std::vector<FrameRecordPtr> InferenceWorker::replayable_records() const {
  std::vector<FrameRecordPtr> out;
  for (std::size_t begin = 0, end = 0; begin < state_.probes.size(); begin = end) {
    end = begin + 1;
    while (end < state_.probes.size() && state_.probes[end]->step != 0) ++end;
    const auto from = state_.probes.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto to = state_.probes.begin() + static_cast<std::ptrdiff_t>(end);
    if (std::all_of(from, to, [](const auto& r) { return r->mode == RunMode::probe; })) out.insert(out.end(), from, to);
  }
  return out;
}

void InferenceWorker::replay_under(const Ticket& ticket, const ExitPolicy& policy) {
  if (ticket.stop.stop_requested()) return;
  std::vector<FrameRecordPtr> records;
  try {
    if (trace_.active()) {
      records = trace_.replay_under(policy, ticket.stop);
    } else if (state_.engine) {
      for (auto& record : state_.engine->replay(replayable_records(), policy, ticket.stop)) {
        const auto place = static_cast<std::size_t>(record->frame);
        if (records.size() <= place) records.resize(place + 1);
        records[place] = std::move(record);
      }
    }
    if (std::ranges::none_of(records, [](const auto& record) { return record != nullptr; })) {
      throw Error("no frame has a record that can be replayed");
    }
  } catch (const Cancelled&) {
    return;
  } catch (const std::exception& error) {
    return Q_EMIT replay_failed(ticket, QString::fromUtf8(error.what()));
  }
  if (!ticket.stop.stop_requested()) Q_EMIT replayed_under(ticket, policy, records);
}

void InferenceWorker::compare(const Ticket& ticket, const ExitPolicy& present, const ExitPolicy& other) {
  if (ticket.stop.stop_requested()) return;
  auto flips = std::make_shared<std::vector<ExitFlip>>();
  try {
    const auto known = replayable_records();
    if (state_.engine && !known.empty()) {
      // Results come mixed: each waits for its counterpart.
      std::vector<FrameRecordPtr> waiting(known.size());
      const std::vector<ExitPolicy> policies{present, other};
      state_.engine->replay_many(
          ReplayFrames::of(known), policies,
          [&](std::size_t policy, std::int64_t place, FrameRecordPtr record) {
            auto& slot = waiting[static_cast<std::size_t>(place)];
            if (!slot) {
              slot = std::move(record);
              return;
            }
            const auto first = std::exchange(slot, nullptr);
            const auto& under_present = policy == 0 ? *record : *first;
            const auto& under_other = policy == 0 ? *first : *record;
            if (under_present.exit_layer != under_other.exit_layer) {
              flips->push_back(flip_of(under_present, under_other));
            }
          },
          ticket.stop);
    }
  } catch (const Cancelled&) {
    return;
  } catch (const std::exception& error) {
    return Q_EMIT compare_failed(ticket, QString::fromUtf8(error.what()));
  }
  if (ticket.stop.stop_requested()) return;
  std::sort(flips->begin(), flips->end(), [](const auto& a, const auto& b) { return a.frame < b.frame; });
  Q_EMIT compared(ticket, flips);
}

}  // namespace deer
