// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <filesystem>
#include <memory>
#include <vector>

#include "sessions/base/factories.h"
#include "sessions/inference/inference_state.h"
#include "sessions/inference/record_sender.h"

namespace deer {

class RecordedRun;

/// Other policies over a run that was recorded: the action head alone, over features read from the disk. On the
/// inference thread.
class TraceReplayer : public QObject {
  Q_OBJECT

 public:
  TraceReplayer(const EngineFactory& factory, RecordSender& sender, QObject* parent)
      : QObject(parent), factory_(factory), sender_(sender) {}

  /// Null: none. Keeps the head if it is another episode of the same trace.
  void set_run(std::shared_ptr<const RecordedRun> run);
  bool active() const { return run_ != nullptr; }

  struct HeadRequest {
    Ticket ticket;
    std::shared_ptr<const RecordedRun> run;
    std::vector<std::filesystem::path> places;  ///< where its model may be, the likeliest first
    EngineOptions options;
  };
  /// Loads the action head of the model that made the run, and it alone. Answers head_loaded() or head_missing().
  void load_head(const HeadRequest& request);
  bool has_head() const { return head_ != nullptr; }

  /// Throws what is wrong with the policy for this model.
  void set_policy(const ExitPolicy& policy) { head_->set_policy(policy); }
  /// Sends every frame that can be replayed, and returns how many could not. Throws Cancelled, and Error.
  qint64 replay(const AdvanceTask& task, const Ticket& rollout);
  /// The run under another policy, by place in it; null where it cannot be replayed. Sends nothing. Throws Cancelled,
  /// and Error, also if there is no head.
  std::vector<FrameRecordPtr> replay_under(const ExitPolicy& policy, const std::stop_token& stop) const;

 Q_SIGNALS:
  void head_loaded(const deer::Ticket& ticket, const deer::ModelSummary& model);
  /// `other`: there is a model, but it is not the one.
  void head_missing(const deer::Ticket& ticket, bool other, const QString& reason);

 private:
  const EngineFactory& factory_;
  RecordSender& sender_;
  std::shared_ptr<const RecordedRun> run_;
  std::unique_ptr<Engine> head_;   ///< of the model that made run_, or what replays its recorded actions; may be null
  bool head_is_recorded_ = false;  ///< the latter
  std::unique_ptr<Replayer> replayer_;
  std::vector<std::int64_t> replayable_;  ///< places in run_ of the replayer's frames
};

}  // namespace deer
