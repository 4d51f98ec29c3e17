// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <QStringList>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/episodes/open_source.h"
#include "core/exits/engine.h"

namespace deer {

/// Makes an engine for a model path; Engine::load unless a test puts another in its place.
using EngineFactory = std::function<std::unique_ptr<Engine>(const std::filesystem::path&, const EngineOptions&,
                                                            const ProgressCallback&, std::stop_token)>;

/// A problem for the person to read: what happened, where, what to do next.
struct Problem {
  QString title;    ///< "Cannot open the episode"
  QString details;  ///< the engine's message, with the file's name
};

/// What is open and what is going on: the one place that knows the current frame, the model, the
/// policy and the results so far. Lives on the GUI thread and is used from it alone; loading and
/// inference happen on worker threads and arrive as finished, immutable values. No call waits.
class Session : public QObject {
  Q_OBJECT

 public:
  enum class Activity {
    idle,
    loading_model,
    opening_source,
    running,    ///< the model goes through the episode
    replaying,  ///< a changed policy is applied to the stored features
  };
  Q_ENUM(Activity)

  explicit Session(QObject* parent = nullptr);
  explicit Session(EngineFactory factory, QObject* parent = nullptr);
  ~Session() override;

  // Model. Null until one is open.
  void open_model(const std::filesystem::path& path, const EngineOptions& options = {});
  const ModelSummary* model() const;

  // Source: a dataset, folder or video, and the episode of it that is shown.
  void open_source(const std::filesystem::path& path, const OpenSourceOptions& options = {});
  const EpisodeCollection* collection() const;
  void open_episode(std::size_t index);
  std::optional<std::size_t> episode_index() const;
  const FrameSource* episode() const;  ///< for info() and instructions(), which do not block

  // Frames.
  qint64 frame_count() const;           ///< 0 if nothing is open
  qint64 current_frame() const;         ///< -1 if nothing is open
  void set_current_frame(qint64 frame); ///< clamped to the episode
  /// The observation if it is in the cache, otherwise null and a request for it; see observation_ready.
  ObservationPtr observation(qint64 frame);
  /// Why a frame could not be read; empty if it could, or has not been tried.
  QString frame_problem(qint64 frame) const;
  /// The result for a frame under the present policy, or null if there is none yet.
  FrameRecordPtr record(qint64 frame) const;
  qint64 evaluated_count() const;       ///< frames that have a record

  // Hover: the frame under the pointer in any view, or -1. Shown by every view beside the current one.
  qint64 hovered_frame() const;
  void set_hovered_frame(qint64 frame);

  // Policy. A change replays the stored features in the background; records follow.
  const ExitPolicy& policy() const;
  void set_policy(const ExitPolicy& policy);

  // Running the model over the episode, in probe mode, from the first frame without a record.
  void run_episode();
  void cancel();                        ///< stops whatever is going on; returns at once
  Activity activity() const;
  QString activity_text() const;        ///< "Running the model: frame 12 of 214"; empty when idle
  double progress() const;              ///< 0 to 1; negative if unknown
  QStringList warnings() const;         ///< of the open source

 Q_SIGNALS:
  void model_changed();
  void collection_changed();
  void episode_changed();               ///< frames, records and current frame all start anew
  void current_frame_changed(qint64 frame);
  void hovered_frame_changed(qint64 frame);
  void observation_ready(qint64 frame);
  void records_changed(qint64 first, qint64 last);  ///< inclusive; may cover frames without a record
  void policy_changed();
  void activity_changed();              ///< activity, text or progress
  void problem(const deer::Problem& problem);

 private:
  class Private;
  std::unique_ptr<Private> d_;
};

}  // namespace deer
