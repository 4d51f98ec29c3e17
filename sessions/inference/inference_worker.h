// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "core/episodes/frame_source.h"
#include "sessions/frames/exit_flip.h"
#include "sessions/frames/intervened_frame.h"
#include "sessions/inference/attention_queries.h"
#include "sessions/inference/inference_state.h"
#include "sessions/inference/live_runner.h"
#include "sessions/inference/record_sender.h"
#include "sessions/inference/run_cache.h"
#include "sessions/inference/trace_replayer.h"
#include "sessions/threads/task_queue.h"
#include "sessions/traces/saved_runs.h"

namespace deer {

/// Owns the engine and lives on a thread of its own. Values in by queued calls, values out by signals, its own and
/// those of its parts. Every command carries a ticket that its answers repeat, so that the session can stop it and
/// tell late answers from wanted ones.
class InferenceWorker : public QObject {
  Q_OBJECT

 public:
  explicit InferenceWorker(EngineFactory factory);

  // Its parts, on its thread.
  LiveRunner* live() { return &live_; }
  TraceReplayer* trace() { return &trace_; }
  AttentionQueries* attention() { return &attention_; }
  RecordSender* sender() { return &sender_; }

  /// Saves finished runs of recorded episodes in this folder too, and takes them up again from there.
  void keep_runs_in(const std::filesystem::path& folder);

  /// Loads a model; the one before stays until this one is there. Answers loaded() or failed().
  void load(const Ticket& ticket, const std::filesystem::path& path, const EngineOptions& options);

  /// What advance() runs over from now on. `rollout` goes with all records made. `key` names the episode: a finished
  /// run of the model over it is taken up again, which restored() says; empty: such runs are not kept.
  void set_episode(const Ticket& rollout, FrameSourcePtr source, const QString& key);
  /// The same for a live source, from its frame 0.
  void set_live(const Ticket& rollout, LiveSource source);
  /// Another model on the same live source: forgets every record. The next frame is `next_frame`.
  void restart_live(const Ticket& rollout, qint64 next_frame);
  /// The same for a recorded run: advance() replays its frames, with the action head that trace() loads.
  void set_run(const Ticket& rollout, std::shared_ptr<const RecordedRun> run);
  /// Lets go of everything that advance() could run over.
  void close();

  /// Brings every record that exists under the task's policy, then goes on through the episode if asked to.
  /// Answers finished(), failed() or policy_refused(), after any number of records.
  void advance(const AdvanceTask& task);

  /// Replays another policy over the records that there are, and answers replayed_under() or replay_failed(). Records
  /// stay as they are.
  void replay_under(const Ticket& ticket, const ExitPolicy& policy);

  /// Runs frames of a finished run again with something changed, and answers intervened() or intervention_failed().
  /// Records stay as they are.
  struct InterventionTask {
    Intervention intervention;
    qint64 first = 0;
    qint64 last = 0;
    ExitPolicy policy;
  };
  void intervene(const Ticket& ticket, const InterventionTask& task);

  /// Replays two policies over the records that there are, and answers compared() or compare_failed(). Records stay
  /// as they are.
  void compare(const Ticket& ticket, const ExitPolicy& present, const ExitPolicy& other);

 Q_SIGNALS:
  void restored(const deer::Ticket& rollout);  ///< advance() sends the records of an earlier run
  void warned(const deer::Problem& problem);   ///< a finished run could not be saved, or read again
  void progress(const deer::Ticket& ticket, const QString& what, qint64 done, qint64 total);
  void loaded(const deer::Ticket& ticket, const deer::ModelSummary& summary, const deer::ExitPolicy& policy,
              const deer::EngineOptions& options);
  /// Every record there is was sent under the policy of this command, save `fixed` whose features were not all
  /// computed: they stay as they were.
  void replayed(const deer::Ticket& ticket, qint64 fixed);
  void finished(const deer::Ticket& ticket);
  void failed(const deer::Ticket& ticket, const deer::Problem& problem);
  void policy_refused(const deer::Ticket& ticket, const QString& reason);
  void compared(const deer::Ticket& ticket, const std::shared_ptr<const std::vector<deer::ExitFlip>>& flips);
  void compare_failed(const deer::Ticket& ticket, const QString& reason);
  void replayed_under(const deer::Ticket& ticket, const deer::ExitPolicy& policy,
                      const std::vector<deer::FrameRecordPtr>& records);
  void replay_failed(const deer::Ticket& ticket, const QString& reason);
  void intervening(const deer::Ticket& ticket, qint64 done, qint64 total);
  void intervened(const deer::Ticket& ticket, const deer::IntervenedFrames& frames);
  void intervention_failed(const deer::Ticket& ticket, const QString& reason);

 private:
  void start_rollout(const Ticket& rollout);
  void keep_run();
  void save_run();
  void advance_trace(const AdvanceTask& task);
  qint64 replay_all(const AdvanceTask& task);  ///< answers with the records that could not be
  void replay_open_stretch(const AdvanceTask& task);
  std::vector<FrameRecordPtr> replayable_records() const;
  void run(const AdvanceTask& task);
  void send_gathered(const AdvanceTask& task) { sender_.send_gathered(state_.rollout, task.policy_id); }

  EngineFactory factory_;
  InferenceState state_;
  FrameSourcePtr source_;
  RunCache runs_;
  std::optional<SavedRuns> saved_runs_;
  std::unique_ptr<TaskQueue> saving_;  ///< made on the worker's thread
  bool run_is_saved_ = false;
  QString model_key_;  ///< of the engine
  QString run_key_;    ///< of the episode and the model; empty: its run is not kept
  std::size_t run_length_ = 0;
  RecordSender sender_{this};
  LiveRunner live_{state_, this};
  TraceReplayer trace_{factory_, sender_, this};
  AttentionQueries attention_{state_, this};
};

}  // namespace deer
