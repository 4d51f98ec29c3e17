// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "core/episodes/frame_source.h"
#include "core/exits/engine.h"
#include "sessions/base/factories.h"
#include "sessions/base/problem.h"
#include "sessions/frames/exit_flip.h"
#include "sessions/live/live_source.h"

namespace deer {

class RecordedRun;

/// Owns the engine and lives on a thread of its own. Values in by queued calls, values out by signals.
/// Every command carries the stop token that cancels it and a number that its answers repeat, so
/// that the session can tell late answers from wanted ones.
class InferenceWorker : public QObject {
  Q_OBJECT

 public:
  explicit InferenceWorker(EngineFactory factory) : factory_(std::move(factory)) {}

  /// Loads a model; the one before stays until this one is there. Answers loaded() or failed().
  void load(quint64 command, const std::filesystem::path& path, const EngineOptions& options, std::stop_token stop);

  /// What advance() runs over from now on; forgets every record. `rollout` goes with all records made.
  void set_episode(quint64 rollout, FrameSourcePtr source);

  /// The same for a live source, from its frame 0.
  void set_live(quint64 rollout, LiveSource source);
  /// Another model on the same live source: forgets every record. The next frame is `next_frame`.
  void restart_live(quint64 rollout, qint64 next_frame);
  /// Lets the live source go. Its records stay and can be replayed.
  void end_live();
  /// A batch of live_frames() was taken. While two are not, the next waits and grows. From any thread.
  void batch_taken() { --batches_out_; }
  /// Likewise of records(): of a replay, no more than a few wait to be taken.
  void records_taken();
  /// Who takes the frames of live runs from now on; null: nobody. From any thread, also while one runs.
  void set_sink(LiveSinkPtr sink);

  /// A recorded run in their place: advance() replays its frames, with the action head that load_head() loads.
  void set_run(quint64 rollout, std::shared_ptr<const RecordedRun> run);

  struct HeadRequest {
    quint64 number = 0;  ///< that answers repeat
    std::shared_ptr<const RecordedRun> run;
    std::vector<std::filesystem::path> places;  ///< where its model may be, the likeliest first
    EngineOptions options;
    std::stop_token stop;
  };
  /// Loads the action head of the model that made the run, and it alone. Answers head_loaded() or head_missing().
  void load_head(const HeadRequest& request);

  struct Advance {
    quint64 command = 0;
    quint64 policy_id = 0;
    ExitPolicy policy;
    bool run = false;                      ///< go on through frames without a record; otherwise only replay
    bool preview = false;                  ///< live: show one frame, without the model, and be done
    qint64 focus_frame = 0;                ///< replay the stretch around this frame first
    std::shared_ptr<LiveControl> control;  ///< of a live run; holds this policy at first
    std::stop_token stop;
  };

  /// Brings every record that exists under `policy`, then goes on through the episode if asked to.
  /// Answers finished(), failed() or policy_refused(), after any number of records().
  void advance(const Advance& task);

  struct Compare {
    quint64 number = 0;
    ExitPolicy present;
    ExitPolicy other;
    std::stop_token stop;
  };

  /// Replays two policies over the records that there are, and answers compared() or compare_failed(). Records stay
  /// as they are.
  void compare(const Compare& task);

  struct Attend {
    quint64 number = 0;  ///< that the answer repeats
    FrameInput input;
    int exit_layer = 0;
    std::stop_token stop;
  };

  /// Where the model looked in a frame. The newest takes the place of one that was not begun; between two frames of a
  /// run at the latest it is answered by attended() or attend_failed(), unless it was stopped. From any thread.
  void ask_attention(Attend task);

 Q_SIGNALS:
  void progress(quint64 command, const QString& what, qint64 done, qint64 total);
  void loaded(quint64 command, const deer::ModelSummary& summary, const deer::ExitPolicy& policy,
              const deer::EngineOptions& options);
  void records(quint64 rollout, quint64 policy_id, const std::vector<deer::FrameRecordPtr>& batch);
  /// Every record there is was sent under the policy of this command, save `fixed` of a live run whose
  /// features were not all computed: they stay as they were.
  void replayed(quint64 command, qint64 fixed);
  void head_loaded(quint64 number, const deer::ModelSummary& model);
  /// `other`: there is a model, but it is not the one.
  void head_missing(quint64 number, bool other, const QString& reason);
  void live_frames(quint64 rollout, const deer::LiveBatch& batch);
  void live_policy_taken(quint64 command, quint64 policy_id, const deer::ExitPolicy& policy);
  void live_policy_refused(quint64 command, quint64 policy_id, const QString& reason);
  void live_stood(quint64 command, qint64 frame);  ///< the guard let the run stand after this frame; finished() follows
  void live_ended(quint64 command);                ///< the source has no more frames
  void compared(quint64 number, const std::shared_ptr<const std::vector<deer::ExitFlip>>& flips);
  void compare_failed(quint64 number, const QString& reason);
  void attended(quint64 number, const deer::AttentionMapPtr& map);
  void attend_failed(quint64 number, const QString& reason);
  /// How the cameras go, of the source that was set with this rollout. Emitted on another thread.
  void live_report(quint64 rollout, const deer::CameraSourceReport& report);
  void finished(quint64 command);
  void failed(quint64 command, const deer::Problem& problem);
  void policy_refused(quint64 command, const QString& reason);

 private:
  using Clock = std::chrono::steady_clock;

  qint64 replay_all(const Advance& task);  ///< answers with the records that could not be
  void replay_open_stretch(const Advance& task);
  void run(const Advance& task);
  void publish(const Advance& task);
  void send(const Advance& task, const std::vector<FrameRecordPtr>& batch);
  void send_replayed(const Advance& task, const std::vector<FrameRecordPtr>& batch);
  void forget_records(quint64 rollout);

  // Recorded runs, in inference_worker_run.cpp.
  void advance_run(const Advance& task);
  qint64 replay_run(const Advance& task);

  // Live, in inference_worker_live.cpp.
  void run_live(const Advance& task);
  void adopt_settings(const Advance& task, const LiveControl::Settings& settings);
  bool take_live_frame(const Advance& task);
  void step_live(const Advance& task, RunMode mode);
  bool guard_stops(const LiveControl& control) const;
  void add_live_frame(LiveFrame frame);
  void publish_live(bool all);

  void serve_attention();  // in inference_worker_attention.cpp

  std::size_t stretch_start(std::size_t index) const;

  EngineFactory factory_;
  std::unique_ptr<Engine> engine_;
  FrameSourcePtr source_;
  quint64 rollout_ = 0;

  std::shared_ptr<const RecordedRun> run_;
  std::unique_ptr<Engine> head_;   ///< of the model that made run_, or what replays its recorded actions; may be null
  bool head_is_recorded_ = false;  ///< the latter
  std::unique_ptr<Replayer> replayer_;
  std::vector<std::int64_t> replayable_;  ///< places in run_ of the replayer's frames

  /// As step() made them, in order of frames; the source of every replay. A recorded episode's begin at
  /// frame 0 and have no gaps.
  std::vector<FrameRecordPtr> probes_;
  std::size_t published_ = 0;  ///< of probes_, sent under published_policy_
  quint64 published_policy_ = 0;
  /// The engine's recurrent state was advanced under another policy: what step() decides is not what
  /// the present policy would, until the next reset. Features are right all the same.
  bool state_stale_ = false;

  std::vector<FrameRecordPtr> batch_;
  Clock::time_point last_batch_{};

  LiveSource live_;
  qint64 next_live_frame_ = 0;
  ObservationPtr pending_;            ///< taken from the live source, and not yet through the model
  std::optional<std::string> given_;  ///< for frames that bring no instruction
  bool reset_next_ = false;           ///< an instruction was given: the next step begins with an empty memory
  LiveBatch live_batch_;
  std::deque<Clock::time_point> live_times_;
  std::atomic<int> batches_out_{0};

  static constexpr auto kSignalInterval = std::chrono::milliseconds(30);  // below a frame's time: each is shown

  std::mutex records_mutex_;  // guards the block below
  std::condition_variable_any records_taken_;
  int records_out_ = 0;

  std::mutex attend_mutex_;
  std::optional<Attend> attend_;

  std::mutex sink_mutex_;
  LiveSinkPtr sink_;
};

}  // namespace deer
