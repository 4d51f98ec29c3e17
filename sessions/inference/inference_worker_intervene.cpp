// SPDX-License-Identifier: GPL-3.0-or-later
// Frames of a finished run once more, with something changed in what the model sees.
#include <algorithm>

#include "core/base/error.h"
#include "sessions/inference/inference_worker.h"

namespace deer {
namespace {

/// For the time of its life the engine sees frames with the intervention.
class Intervening {
 public:
  Intervening(Engine& engine, const Intervention& intervention) : engine_(engine) {
    engine_.set_intervention(intervention);
  }
  ~Intervening() { engine_.set_intervention({}); }
  Intervening(const Intervening&) = delete;
  Intervening& operator=(const Intervening&) = delete;

 private:
  Engine& engine_;
};

}  // namespace

void InferenceWorker::intervene(const Ticket& ticket, const InterventionTask& task) {
  auto frames = std::make_shared<std::vector<IntervenedFrame>>();
  try {
    // A run that goes on would take the engine's state for its own.
    if (!state_.engine || !source_ || state_.probes.empty() || state_.probes.size() != run_length_) {
      throw Error("run the model over the episode first");
    }
    const auto last = std::min<std::size_t>(static_cast<std::size_t>(std::max<qint64>(task.last, 0)), run_length_ - 1);
    const auto first = std::min<std::size_t>(static_cast<std::size_t>(std::max<qint64>(task.first, 0)), last);
    const auto begin = state_.stretch_start(first);
    std::vector<FrameRecordPtr> before(state_.probes.begin() + static_cast<std::ptrdiff_t>(begin),
                                       state_.probes.begin() + static_cast<std::ptrdiff_t>(last) + 1);
    auto after = before;
    {
      const Intervening on(*state_.engine, task.intervention);
      for (auto i = first; i <= last; ++i) {
        if (ticket.stop.stop_requested()) return;
        const auto seen = source_->read(static_cast<std::int64_t>(i));
        const auto& plain = *state_.probes[i];
        const FrameInput input{plain.frame, seen->rgb_static, seen->rgb_gripper, seen->instruction};
        auto changed = *state_.engine->step(input, RunMode::probe, ticket.stop);
        // The history is that of the run, also where the instruction is another one.
        changed.step = plain.step;
        after[i - begin] = std::make_shared<const FrameRecord>(std::move(changed));
        Q_EMIT intervening(ticket, static_cast<qint64>(i - first + 1), static_cast<qint64>(last - first + 1));
      }
    }
    before = state_.engine->replay(before, task.policy, ticket.stop);
    after = state_.engine->replay(after, task.policy, ticket.stop);
    for (auto i = first; i <= last; ++i) {
      frames->push_back({static_cast<qint64>(i), before[i - begin], after[i - begin]});
    }
  } catch (const Cancelled&) {
    return;
  } catch (const std::exception& error) {
    return Q_EMIT intervention_failed(ticket, QString::fromUtf8(error.what()));
  }
  Q_EMIT intervened(ticket, frames);
}

}  // namespace deer
