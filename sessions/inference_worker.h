// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <chrono>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <vector>

#include "core/episodes/frame_source.h"
#include "core/exits/engine.h"
#include "sessions/session.h"

namespace deer {

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

  struct Advance {
    quint64 command = 0;
    quint64 policy_id = 0;
    ExitPolicy policy;
    bool run = false;        ///< go on through frames without a record; otherwise only replay
    qint64 focus_frame = 0;  ///< replay the stretch around this frame first
    std::stop_token stop;
  };

  /// Brings every record that exists under `policy`, then goes on through the episode if asked to.
  /// Answers finished(), failed() or policy_refused(), after any number of records().
  void advance(const Advance& task);

 Q_SIGNALS:
  void progress(quint64 command, const QString& what, qint64 done, qint64 total);
  void loaded(quint64 command, const deer::ModelSummary& summary, const deer::ExitPolicy& policy);
  void records(quint64 rollout, quint64 policy_id, const std::vector<deer::FrameRecordPtr>& batch);
  void replayed(quint64 command);  ///< every record there is was sent under the policy of this command
  void finished(quint64 command);
  void failed(quint64 command, const deer::Problem& problem);
  void policy_refused(quint64 command, const QString& reason);

 private:
  using Clock = std::chrono::steady_clock;

  void replay_all(const Advance& task);
  void replay_open_stretch(const Advance& task);
  void run(const Advance& task);
  void publish(const Advance& task);
  std::size_t stretch_start(std::size_t index) const;

  EngineFactory factory_;
  std::unique_ptr<Engine> engine_;
  FrameSourcePtr source_;
  quint64 rollout_ = 0;

  std::vector<FrameRecordPtr> probes_;  ///< as step() made them, frame 0 onwards; the source of every replay
  std::size_t published_ = 0;           ///< of probes_, sent under published_policy_
  quint64 published_policy_ = 0;
  /// The engine's recurrent state was advanced under another policy: what step() decides is not what
  /// the present policy would, until the next reset. Features are right all the same.
  bool state_stale_ = false;

  std::vector<FrameRecordPtr> batch_;
  Clock::time_point last_batch_{};
};

}  // namespace deer
