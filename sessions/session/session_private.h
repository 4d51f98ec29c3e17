// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QElapsedTimer>
#include <QThread>
#include <QTimer>
#include <deque>

#include "sessions/frames/live_frames.h"
#include "sessions/frames/playback.h"
#include "sessions/frames/record_loader.h"
#include "sessions/frames/source_loader.h"
#include "sessions/inference/inference_worker.h"
#include "sessions/session/session.h"
#include "sessions/traces/recorded_run.h"

namespace deer {

class Session::Private : public QObject {
 public:
  enum class Job { none, load, advance };

  Private(Session* session, EngineFactory factory, SourceOpener opener);
  ~Private() override;

  void begin_load(const std::filesystem::path& path, const EngineOptions& wanted);
  void begin_advance(bool run_frames);
  void begin_opening();
  void stop_worker();  ///< asks the worker's present command to end, and no longer waits for it
  void use_episode(FrameSourcePtr source, std::optional<std::size_t> index);
  void start_rollout();  ///< empty records; the worker starts from frame 0
  void start_run_if_ready();
  void announce_model();                    ///< a new model, and its policy
  void retire(std::shared_ptr<void> held);  ///< destroyed on the worker's thread
  void notify();                            ///< activity_changed
  QString running_text() const;
  QString progress_text() const;
  void catch_up();  ///< replays if records are under an older policy and nothing is going on
  void report(const Problem& what) { Q_EMIT q->problem(what); }
  static QString tr(const char* text, const char* hint = nullptr, int n = -1) { return Session::tr(text, hint, n); }

  // Answers of the worker and the loader.
  void on_loaded(quint64 command, const ModelSummary& loaded_summary, const ExitPolicy& model_policy,
                 const EngineOptions& loaded_options);
  void on_records(quint64 from_rollout, quint64 from_policy, const std::vector<FrameRecordPtr>& batch);
  void on_replayed(quint64 command, qint64 fixed_records);
  void on_finished(quint64 command);
  void on_failed(quint64 command, const Problem& what);
  void on_policy_refused(quint64 command, const QString& reason);
  void on_opened(quint64 request, std::shared_ptr<const EpisodeCollection> opened, std::size_t index,
                 FrameSourcePtr source, const Problem& what);

  // Traces, in session_trace.cpp.
  bool can_replay() const { return run ? head == Head::loaded || head == Head::missing : summary.has_value(); }
  const ModelSummary* shown_model() const { return run ? &*run_model : summary ? &*summary : nullptr; }
  bool change_run(std::shared_ptr<const RecordedRun> next);  ///< whether the model is another one then
  void adopt_trace_policy();
  void on_loaded_beside_trace(const ExitPolicy& model_policy);
  void find_head(std::vector<std::filesystem::path> places);
  void read_records();
  void want_features();  ///< of what is shown, unless they are there
  void on_read(quint64 number, const std::vector<FrameRecordPtr>& batch);
  void on_features(quint64 number, const FrameRecordPtr& original);
  void on_head_loaded(quint64 number, const ModelSummary& loaded_head);
  void on_head_missing(quint64 number, bool other, const QString& reason);

  // Live, in session_live.cpp.
  bool watches() const { return live && !live_takes_commands; }  ///< it can run without a model
  bool live_runs() const { return live && job == Job::advance && sent_run && !replaying; }
  void post_policy();  ///< to the live run that goes on
  void use_live(LiveSource source);
  void move_to(qint64 to);
  void on_live_opened(quint64 request);
  void on_live_frames(quint64 from_rollout, const LiveBatch& batch);
  void on_live_policy_taken(quint64 command, quint64 id, const ExitPolicy& taken);
  void on_live_policy_refused(quint64 command, quint64 id, const QString& reason);
  void on_live_ended(quint64 command);
  void on_live_stood(quint64 command, qint64 frame);
  void on_live_report(quint64 source, const CameraSourceReport& report);

  Session* q;
  QThread thread;
  InferenceWorker* worker;
  SourceLoader loader;
  Playback* playback = nullptr;

  std::optional<ModelSummary> summary;
  EngineOptions options;

  std::shared_ptr<const EpisodeCollection> collection;
  OpenSourceOptions source_options;
  OpenSourceOptions source_options_wanted;
  FrameSourcePtr episode;
  std::optional<std::size_t> episode_index;
  bool opening = false;
  quint64 open_request = 0;
  QString opening_what;

  qint64 frame = -1;
  qint64 hovered = -1;
  int direction = 1;
  int selected_exit = -1;

  std::vector<FrameRecordPtr> records;
  qint64 evaluated = 0;

  // The open trace. With it, `policy` is the trace's, and that of the model that is open is put by.
  // Head::missing: its recorded actions are replayed instead.
  enum class Head { none, loading, loaded, missing };
  std::shared_ptr<const RecordedRun> run;
  std::optional<ModelSummary> run_model;
  Head head = Head::none;
  EngineOptions head_options;
  quint64 run_number = 0;          ///< of the episode, for the loader's answers
  quint64 head_number = 0;         ///< of the trace, for the worker's
  quint64 recorded_policy_id = 0;  ///< of the policy that the trace was recorded under
  std::optional<ExitPolicy> put_by;
  std::stop_source head_stop;
  std::deque<qint64> featured;  ///< frames that were given features one by one, the oldest first
  bool reading = false;
  RecordLoader record_loader;

  bool live = false;
  bool live_ended = false;
  bool live_takes_commands = false;
  bool following = true;
  LiveFrames live_frames;
  std::shared_ptr<LiveControl> live_control;  ///< of the newest live run; never null while live
  RunMode live_mode = RunMode::probe;
  std::shared_ptr<const LiveGuard> live_guard;
  double live_rate_hz = 0;
  QString live_status;
  std::optional<TaskCount> live_tasks;
  quint64 live_source = 0;  ///< the rollout that the live source was set with
  CameraSourceReport live_report;
  std::optional<std::chrono::steady_clock::time_point> live_started_at;
  LatencyMeter latency;  ///< from capture to screen
  qint64 last_shown = -1;
  QElapsedTimer last_live_batch;
  qint64 fixed = 0;
  bool several_policies = false;

  ExitPolicy policy;         ///< what the person asked for
  quint64 policy_count = 1;  ///< numbers policies; never goes back
  quint64 policy_id = 1;     ///< of `policy`
  ExitPolicy sent_policy;    ///< of the newest advance command
  quint64 sent_policy_id = 0;
  ExitPolicy accepted_policy;  ///< the last that the engine took
  quint64 accepted_policy_id = 0;
  quint64 replayed_policy_id = 1;  ///< every record is under this one

  Job job = Job::none;
  bool replaying = false;  ///< of Job::advance: still at the stored features
  bool run_wanted = false;
  bool sent_run = false;  ///< the newest advance command goes on through the episode
  quint64 command = 0;
  quint64 rollout = 0;
  std::stop_source stop;
  quint64 compare_number = 0;
  std::stop_source compare_stop;
  quint64 attend_number = 0;
  std::stop_source attend_stop;
  QTimer policy_timer;  ///< gives a replay under way a moment to finish before a newer one takes its place
  QElapsedTimer job_clock;
  qint64 run_began_with = 0;
  QString load_name;
  QString load_what;
  qint64 load_done = 0;
  qint64 load_total = 0;
};

}  // namespace deer
