// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QElapsedTimer>
#include <QThread>
#include <QTimer>

#include "sessions/frames/episode_frames.h"
#include "sessions/inference/inference_worker.h"
#include "sessions/session/live_session.h"
#include "sessions/session/policy_history.h"
#include "sessions/session/session.h"
#include "sessions/session/source_opening.h"
#include "sessions/session/trace_session.h"

namespace deer {

/// What the parts of a session share: the engine's thread, what is open, the records and the policy, and which job
/// goes on. Known to the parts alone. GUI thread.
class SessionCore : public QObject {
 public:
  enum class Job { none, load, advance };

  SessionCore(Session* session, EngineFactory factory, SourceOpener opener);
  ~SessionCore() override;

  void begin_load(const std::filesystem::path& path, const EngineOptions& wanted);
  void begin_advance(bool run_frames);
  Ticket begin_opening(const QString& what, const OpenSourceOptions& options);
  void stop_worker();  ///< asks the worker's present command to end, and no longer waits for it
  void finish_job();   ///< the worker's answer is here
  void change_policy(const ExitPolicy& policy);
  void report_refused_policy(const QString& reason);
  void forget_episode();  ///< no frames
  void start_rollout();   ///< empty records; the worker starts from frame 0
  void start_run_if_ready();
  void catch_up();  ///< replays if records are under an older policy and nothing is going on
  void move_to(qint64 frame);
  void announce_model();                    ///< a new model, and its policy
  void retire(std::shared_ptr<void> held);  ///< destroyed on the worker's thread
  void notify() { Q_EMIT q->activity_changed(); }
  void report(const Problem& what) { Q_EMIT q->problem(what); }
  Session::Progress progress() const;
  FrameRecordPtr record(qint64 frame) const;
  void set_record(FrameRecordPtr record);  ///< its frame exists

  bool can_replay() const { return trace.is_open() ? trace.can_replay() : model.summary.has_value(); }
  const ModelSummary* shown_model() const {
    return trace.is_open() ? trace.model() : model.summary ? &*model.summary : nullptr;
  }
  bool can_run() const { return model.summary || live.can_only_watch(); }
  qint64 frame_count() const { return static_cast<qint64>(records.all.size()); }
  template <typename Function>
  void post(Function function) {
    QMetaObject::invokeMethod(worker, std::move(function), Qt::QueuedConnection);
  }

  Session* q;
  QThread thread;
  InferenceWorker* worker;
  SourceOpening source_opening;
  EpisodeFrames frames;

  struct Model {
    std::optional<ModelSummary> summary;
    EngineOptions options;
  } model;

  struct Source {
    std::shared_ptr<const EpisodeCollection> collection;
    OpenSourceOptions options;
    FrameSourcePtr episode;
    std::optional<std::size_t> episode_index;
  } source;

  struct Opening {
    NewestRequest request;
    bool active = false;
    QString what;  ///< for the person
    OpenSourceOptions options;
  } opening;

  struct Loading {
    QString name;
    QString what;
    qint64 done = 0;
    qint64 total = 0;
  } loading;

  struct Records {
    std::vector<FrameRecordPtr> all;  ///< by frame; null where the model did not run
    qint64 evaluated = 0;             ///< that are not null
    qint64 fixed = 0;                 ///< of these, the last policy could not be replayed over so many
  } records;
  qint64 frame = -1;
  int direction = 1;
  PolicyHistory policies;

  Job job = Job::none;
  bool replaying = false;  ///< of Job::advance: still at the stored features
  bool run_wanted = false;
  bool sent_run = false;  ///< the newest advance command goes on through the episode
  NewestRequest command;
  NewestRequest rollout;
  QTimer policy_timer;  ///< gives a replay under way a moment to finish before a newer one takes its place
  QElapsedTimer job_clock;
  qint64 run_began_with = 0;

  LiveSession live;
  TraceSession trace;

 private:
  void use_episode(FrameSourcePtr episode, std::optional<std::size_t> index);
  QString running_text() const;

  // Answers of the worker and the opener.
  void on_loaded(const Ticket& ticket, const ModelSummary& summary, const ExitPolicy& policy,
                 const EngineOptions& options);
  void on_load_progress(const Ticket& ticket, const QString& what, qint64 done, qint64 total);
  void on_records(const Ticket& from_rollout, quint64 policy_id, const std::vector<FrameRecordPtr>& batch);
  void on_restored(const Ticket& from_rollout);
  void on_replayed(const Ticket& ticket, qint64 fixed_records);
  void on_finished(const Ticket& ticket);
  void on_failed(const Ticket& ticket, const Problem& what);
  void on_policy_refused(const Ticket& ticket, const QString& reason);
  void on_opened(const Ticket& ticket, std::shared_ptr<const EpisodeCollection> opened, std::size_t index,
                 FrameSourcePtr episode, const Problem& what);
  void on_open_failed(const Ticket& ticket, const Problem& what);
};

}  // namespace deer
