// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <QStringList>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/latency_meter.h"
#include "core/episodes/episode_collection.h"
#include "core/exits/engine.h"
#include "sessions/base/factories.h"
#include "sessions/base/problem.h"
#include "sessions/frames/exit_flip.h"
#include "sessions/frames/played_frames.h"
#include "sessions/live/live_source.h"

namespace deer {

class Playback;
struct TraceMetadata;

/// What is open and what is going on: the one place that knows the current frame, the model, the
/// policy and the results so far. Lives on the GUI thread and is used from it alone; loading and
/// inference happen on worker threads and arrive as finished, immutable values. No call waits; only
/// the destructor does, for the workers to notice the stop request (between two layers, or for the
/// disk access that is under way).
class Session : public PlayedFrames {
  Q_OBJECT

 public:
  enum class Activity {
    idle,
    loading_model,
    opening_source,
    running,    ///< the model goes through the episode
    replaying,  ///< a changed policy is applied to the stored features
    reading,    ///< the records of a trace come from the disk
    live,       ///< a live source is watched; the model, if there is one, runs on each frame
  };
  Q_ENUM(Activity)

  explicit Session(QObject* parent = nullptr);
  explicit Session(EngineFactory factory, QObject* parent = nullptr);
  Session(EngineFactory factory, SourceOpener opener, QObject* parent = nullptr);
  ~Session() override;

  // Model. Null until one is open. While another is loading the old one stays; it goes when the new
  // one is there, and stays if that fails. A new model brings its own policy and empties the records.
  void open_model(const std::filesystem::path& path, const EngineOptions& options = {});
  const ModelSummary* model() const;
  const EngineOptions& engine_options() const;  ///< those that the open model was asked for

  // Source: a dataset, folder or video, and the episode of it that is shown. Opening a source opens
  // its episode `first_episode` too. The newest request wins.
  void open_source(const std::filesystem::path& path, const OpenSourceOptions& options = {},
                   std::size_t first_episode = 0);
  const EpisodeCollection* collection() const;
  const OpenSourceOptions& source_options() const;
  void open_episode(std::size_t index);
  std::optional<std::size_t> episode_index() const;
  const FrameSource* episode() const;  ///< for info(), which does not block
  /// Stretches of frames with one instruction; of a live source, those seen so far.
  const std::vector<InstructionSpan>& instructions() const;

  // Trace: an episode that is the record of a run. Its records and its policy come with it, and model() is the one
  // that made it, of which the action head is loaded from the folder that the trace names, or else from that of
  // the model that was open: then its records can be replayed like any others. Another model that is opened meanwhile
  // waits for the next episode, and its policy with it.
  const TraceMetadata* trace() const;  ///< null if what is open is none
  /// The model of the open trace is not there, or its actions are not DeeR's: other policies are replayed from the
  /// recorded actions of each exit, without the history that they would have had.
  bool model_missing() const;
  /// What read() gives of the open episode, to be called on another thread. Null for a live source.
  FrameSourcePtr shared_episode() const;

  // Live: frames come by themselves and stay, their pictures as long as set_cache_bytes() has room.
  // Opening starts it, unless it takes commands and no model is open or being opened: then one frame is
  // shown. run_episode() starts and goes on; cancel() and pause_live() stop it between two layers. The
  // collection that was open stays open. A policy that changes while it runs holds from the next step on;
  // once it stands, a change is replayed over the frames that were seen, as in a recorded episode.
  void open_live(const QString& name, LiveOpener opener);
  bool is_live() const;
  bool live_ended() const;           ///< its frames stay, no more will come
  bool live_takes_commands() const;  ///< the model acts on it
  void pause_live();
  void end_live();
  /// A new instruction; the policy begins with an empty memory, as between CALVIN's subtasks.
  void instruct(const QString& text);
  /// Probe, unless set: every exit is evaluated, so that any policy can be replayed. In policy mode the model
  /// really stops early, from the next step on; such frames keep the exit they were run with.
  RunMode live_mode() const;
  void set_live_mode(RunMode mode);
  /// Asked after each live step whether to let the run stand there, as after pause_live(); empty: never. It is called
  /// on the inference thread, and holds what it needs.
  void set_live_guard(LiveGuard guard);
  double live_rate_hz() const;  ///< achieved over the last second; 0 while it does not run
  QString live_status() const;  ///< what the source says of how it goes; may be empty
  /// Tasks that had ended by the newest frame; none if the source cannot tell.
  std::optional<TaskCount> live_tasks() const;
  qint64 fixed_count() const;  ///< evaluated frames that the last change of policy could not be replayed over
  /// Whether the policy was changed while it ran, and what is shown is what was done under each.
  bool several_policies() const;
  /// The current frame moves on with the newest. Begins when the newest is made the current one, ends
  /// when another is.
  bool following() const;
  /// How the cameras of the live source go; comes a few times a second, also while no frame does. No cameras:
  /// the source has none.
  const CameraSourceReport& live_report() const;
  /// To be called by the view that shows the static picture, at the end of its first painting of a frame: here
  /// ends what live_latency() measures.
  void picture_shown(qint64 frame);
  /// From the moment a picture was captured to the end of its painting, over the last 10 s or so of the run.
  /// Frames that were never painted, because newer ones had come, are no part of it.
  LatencySummary live_latency() const;
  /// Takes every live frame as it is made, until another does; null: nobody.
  void set_live_sink(LiveSinkPtr sink);

  // Frames.
  qint64 frame_count() const override;
  qint64 current_frame() const override;
  void set_current_frame(qint64 frame) override;
  double frames_per_second() const override;
  /// The observation if it is in the cache, otherwise null and a request for it; see observation_ready.
  ObservationPtr observation(qint64 frame);
  /// Why a frame could not be read; empty if it could, or has not been tried.
  QString frame_problem(qint64 frame) const;
  void set_cache_bytes(std::size_t bytes);  ///< room for decoded observations; 256 MiB unless set
  /// The result for a frame, or null if there is none yet. Under the present policy, or, while
  /// records_current() is false, perhaps under the policy before.
  FrameRecordPtr record(qint64 frame) const;
  bool records_current() const;
  qint64 evaluated_count() const;  ///< frames that have a record
  /// The nearest evaluated frame after (direction > 0) or before `frame` whose exit differs from that
  /// of the evaluated frame next to it on the near side.
  std::optional<qint64> exit_change(qint64 frame, int direction) const;

  // Hover: the frame under the pointer in any view, or -1. Shown by every view beside the current one.
  qint64 hovered_frame() const;
  void set_hovered_frame(qint64 frame);

  // The exit that the views single out: its place among the model's exits, or -1 for the one taken.
  int selected_exit() const;
  void set_selected_exit(int exit_index);

  // Policy. A change replays the stored features in the background; records follow. A policy that does
  // not fit the model is refused: problem() says why and the one before comes back.
  const ExitPolicy& policy() const;
  void set_policy(const ExitPolicy& policy);

  // Another policy beside the present one: both are replayed over the stored features in the background, and
  // compared() tells where they leave at different exits. The newest request wins; it waits for a run to end.
  void compare(const ExitPolicy& other);

  /// Where the exit after `exit_layer` looked in a frame: attended() or attend_failed() answers, between two frames of
  /// whatever goes on. A new request takes the place of the one before. AttentionMaps keeps what came.
  void attend(const FrameInput& input, int exit_layer);
  void stop_attending();  ///< the last request is not answered any more

  // Running the model over the episode, in probe mode, from the first frame without a record. If the
  // model or the episode is still being opened, the run starts when both are there.
  void run_episode();
  void cancel();  ///< stops whatever is going on; returns at once, idle; what was computed stays
  Activity activity() const;
  QString activity_text() const;  ///< "Running the model: 12 of 214 frames, about 40 s left"; empty when idle
  double progress() const;        ///< 0 to 1; negative if unknown
  QStringList warnings() const;   ///< of the open source

  Playback* playback() const;  ///< owned by the session

 Q_SIGNALS:
  void model_changed();
  void collection_changed();
  void frames_added(qint64 first, qint64 last);  ///< live: frame_count() has grown; instructions() perhaps too
  void current_frame_changed(qint64 frame);
  void hovered_frame_changed(qint64 frame);
  void selected_exit_changed(int exit_index);
  void observation_ready(qint64 frame);  ///< it can be had from observation(), or frame_problem() says why not
  void records_changed(qint64 first, qint64 last);  ///< inclusive; may cover frames without a record
  void features_ready(
      qint64 frame);  ///< of a trace: the record of this frame now has its features, and is otherwise as before
  void policy_changed();
  void attended(const deer::AttentionMapPtr& map);
  void attend_failed(const QString& reason);
  void compared(const std::shared_ptr<const std::vector<deer::ExitFlip>>& flips);  ///< in order of frames
  void compare_failed(const QString& reason);  ///< the other policy does not fit the model
  void live_stood(qint64 frame);               ///< the guard let the run stand after this frame
  void activity_changed();                     ///< activity, text or progress
  void live_report_changed();
  void problem(const deer::Problem& problem);

 private:
  QString trace_picture_problem(qint64 frame) const;

  class Private;
  std::unique_ptr<Private> d_;
};

}  // namespace deer
