// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/inference/trace_replayer.h"

#include <algorithm>
#include <system_error>

#include "core/base/error.h"
#include "core/exits/policy_json.h"
#include "core/exits/recorded_replay.h"
#include "core/study/replay_engine.h"
#include "core/trace/describe_model.h"
#include "sessions/base/paths.h"
#include "sessions/traces/recorded_run.h"

namespace deer {
namespace {

constexpr std::size_t kBatch = 1024;

ExitPolicy recorded_policy(const TraceMetadata& m) {
  try {
    return policy_from_json({}, m.policy);
  } catch (const Error&) {
    return {};  // the session has said so; the deltas are taken as those of actions
  }
}

}  // namespace

void TraceReplayer::set_run(std::shared_ptr<const RecordedRun> run) {
  const bool same_model = run && run_ && &run->metadata() == &run_->metadata();
  replayer_.reset();  // before the engine that it uses
  replayable_.clear();
  if (!same_model) head_.reset();
  run_ = std::move(run);
}

void TraceReplayer::load_head(const HeadRequest& request) {
  const auto& m = request.run->metadata();
  QString reason = tr("The trace does not say where its model is.");
  bool other = false;
  auto places = request.places;
  if (!m.layout->is_deer()) {
    places.clear();
    reason = tr("Its actions are not those of a DeeR model.");
  }
  for (const auto& place : places) {
    if (request.ticket.stop.stop_requested()) return;
    try {
      std::error_code error;
      if (!m.model_hash.empty()) {
        other = std::filesystem::exists(place, error);
        check_recorded_with(place, m);
        other = false;
      }
      auto head = factory_(
          place, request.options, [](std::string_view, std::int64_t, std::int64_t) {}, request.ticket.stop);
      if (request.ticket.stop.stop_requested()) return;
      other = true;
      check_recorded_with(place, head->summary(), m);
      other = false;
      replayer_.reset();
      head_ = std::move(head);
      head_is_recorded_ = false;
      Q_EMIT head_loaded(request.ticket, head_->summary());
      return;
    } catch (const Cancelled&) {
      return;
    } catch (const std::exception& failure) {
      reason = QString::fromUtf8(failure.what());
    }
  }
  replayer_.reset();
  try {
    head_ = make_recorded_engine(recorded_model(m), recorded_policy(m));
    head_is_recorded_ = true;
  } catch (const std::exception& failure) {
    head_.reset();
    reason = QString::fromUtf8(failure.what());
  }
  Q_EMIT head_missing(request.ticket, other, reason);
}

qint64 TraceReplayer::replay(const AdvanceTask& task, const Ticket& rollout) {
  if (!replayer_) {
    auto replayable = replayable_frames(run_, !head_is_recorded_);
    replayable_ = std::move(replayable.places);
    replayer_ = head_->replayer(std::move(replayable.frames));
  }
  if (replayable_.empty()) return run_->frames();
  const bool featured = !head_is_recorded_ && run_->features_fit();
  const auto& replayed_records = replayer_->update(task.policy, task.ticket.stop);
  std::vector<FrameRecordPtr> batch;
  for (std::size_t first = 0; first < replayed_records.size(); first += kBatch) {
    if (task.ticket.stop.stop_requested()) throw Cancelled();
    const auto count = std::min(kBatch, replayed_records.size() - first);
    const auto from = replayed_records.begin() + static_cast<std::ptrdiff_t>(first);
    batch.assign(from, from + static_cast<std::ptrdiff_t>(count));
    if (featured) {
      const auto begin = replayable_[first];
      const auto originals = run_->records(begin, replayable_[first + count - 1] - begin + 1, true);
      for (std::size_t i = 0; i < count; ++i) {
        const auto place = static_cast<std::size_t>(replayable_[first + i] - begin);
        batch[i] = with_features(*batch[i], *originals[place]);
      }
    }
    sender_.send_replayed(rollout, task.policy_id, batch, task.ticket.stop);
  }
  return run_->frames() - static_cast<qint64>(replayed_records.size());
}

std::vector<FrameRecordPtr> TraceReplayer::replay_under(const ExitPolicy& policy, const std::stop_token& stop) const {
  if (!head_) throw Error("the model that made this trace is needed to replay it");
  auto replayable = replayable_frames(run_, !head_is_recorded_);
  std::vector<FrameRecordPtr> out(static_cast<std::size_t>(run_->frames()));
  const auto replayer = head_->replayer(std::move(replayable.frames));
  const auto& records = replayer->update(policy, stop);
  for (std::size_t i = 0; i < records.size(); ++i) out[static_cast<std::size_t>(replayable.places[i])] = records[i];
  return out;
}

}  // namespace deer
