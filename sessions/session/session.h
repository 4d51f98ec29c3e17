// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "core/episodes/episode_collection.h"
#include "core/exits/engine.h"
#include "sessions/base/factories.h"
#include "sessions/base/problem.h"
#include "sessions/frames/played_frames.h"
#include "sessions/session/selection.h"

namespace deer {

class EpisodeFrames;
class LiveSession;
class ModelQueries;
class Playback;
class SessionCore;
class TraceSession;

/// What is open and what is going on: the one place that knows the current frame, the model, the
/// policy and the results so far. Lives on the GUI thread and is used from it alone; loading and
/// inference happen on worker threads and arrive as finished, immutable values. No call waits; only
/// the destructor does, for the workers to notice the stop request (between two layers, or for the
/// disk access that is under way). What is particular to a live source, a trace and so on is in its parts.
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

  struct Progress {
    QString text;          ///< "Running the model: 12 of 214 frames, about 40 s left"; empty when idle
    double fraction = -1;  ///< 0 to 1; negative if unknown
  };

  explicit Session(QObject* parent = nullptr);
  Session(EngineFactory factory, SourceOpener opener, QObject* parent = nullptr);
  ~Session() override;

  // Its parts, which live as long as it does.
  EpisodeFrames* frames() const;  ///< observations of the episode
  LiveSession* live() const;      ///< opening, pausing and following a live source
  TraceSession* trace() const;    ///< what is particular to an episode that is the record of a run
  Selection* selection() const;   ///< hovered frame and selected exit
  ModelQueries* queries() const;  ///< attention maps, comparing policies
  Playback* playback() const;

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

  // Frames.
  qint64 frame_count() const override;
  qint64 current_frame() const override;
  void set_current_frame(qint64 frame) override;
  double frames_per_second() const override;

  // Records. One is null as long as the model did not run on the frame. They are under the present policy, or, while
  // records_current() is false, perhaps under the policy before.
  FrameRecordPtr record(qint64 frame) const;
  bool records_current() const;
  qint64 evaluated_count() const;  ///< frames that have a record
  qint64 fixed_count() const;      ///< of these, the last change of policy could not be replayed over so many

  // Policy. A change replays the stored features in the background; records follow. A policy that does
  // not fit the model is refused: problem() says why and the one before comes back.
  const ExitPolicy& policy() const;
  void set_policy(const ExitPolicy& policy);

  // Running the model over the episode, in probe mode, from the first frame without a record. If the
  // model or the episode is still being opened, the run starts when both are there.
  void run_episode();
  /// Saves finished runs of recorded episodes in this folder, and takes up those that are there when the model and the
  /// episode are opened again; not before it is called. EpisodeRuns does its part.
  void keep_runs_in(const std::filesystem::path& folder);
  void cancel();  ///< stops whatever is going on; returns at once, idle; what was computed stays
  Activity activity() const;
  Progress progress() const;

 Q_SIGNALS:
  void model_changed();
  void collection_changed();
  void current_frame_changed(qint64 frame);
  void records_changed(qint64 first, qint64 last);  ///< inclusive; may cover frames without a record
  void policy_changed();
  void activity_changed();  ///< activity or progress
  void problem(const deer::Problem& problem);

 private:
  // The later use the earlier.
  std::unique_ptr<SessionCore> core_;
  std::unique_ptr<Selection> selection_;
  std::unique_ptr<ModelQueries> queries_;
  std::unique_ptr<Playback> playback_;
};

}  // namespace deer
