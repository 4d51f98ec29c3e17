// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QTimer>
#include <array>
#include <functional>
#include <vector>

#include "sessions/series/record_slices.h"
#include "sessions/threads/newest_task.h"

namespace deer {

/// What frames took, stage by stage, as they were run (a replay runs the action head alone and changes nothing here),
/// and the memory that the process had in use meanwhile. GUI thread only; no call waits.
class Latency : public QObject {
  Q_OBJECT

 public:
  enum Stage { kPreprocess, kVision, kResampler, kLlm, kHead, kTotal, kStages };

  struct Statistics {
    qint64 frames = 0;
    double mean_ms = 0;
    double p50_ms = 0;
    double p95_ms = 0;
    double p99_ms = 0;
    double most_ms = 0;
    double share = 0;  ///< of the total of all frames, 0 to 1
  };

  /// `memory`: bytes in use, 0 if not known; the process's unless a test says otherwise.
  explicit Latency(Session* session, QObject* parent = nullptr, std::function<std::int64_t()> memory = {});

  /// Milliseconds by frame; NaN if it was not run.
  const std::vector<float>& values(Stage stage) const { return values_[stage]; }
  qint64 frames_run() const { return run_; }
  /// Of every stage; zeros before the first frame. A moment behind values().
  const std::array<Statistics, kStages>& statistics() const { return statistics_; }

  /// Memory in use, sampled twice a second while this exists. Of a long time every other sample goes.
  const std::vector<float>& memory_seconds() const { return memory_s_; }
  const std::vector<float>& memory_megabytes() const { return memory_mb_; }
  void sample_memory();

  static constexpr std::size_t kMostSamples = 4096;

 Q_SIGNALS:
  void started_anew();
  void values_changed();
  void statistics_changed();
  void memory_changed();

 private:
  void take(qint64 frame, const StageTimes& times);
  void summarise();

  std::function<std::int64_t()> memory_;
  std::array<std::vector<float>, kStages> values_;
  std::array<Statistics, kStages> statistics_{};
  qint64 run_ = 0;
  quint64 wanted_ = 0;
  QTimer summing_;
  QTimer sampling_;
  QElapsedTimer clock_;
  std::vector<float> memory_s_;
  std::vector<float> memory_mb_;
  RecordSlices* slices_;
  NewestTask task_;
};

}  // namespace deer
