// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <array>
#include <filesystem>
#include <optional>
#include <vector>

#include "core/budget/cost_model.h"
#include "sessions/series/record_slices.h"
#include "sessions/threads/newest_task.h"
#include "sessions/traces/trace_side.h"

namespace deer {

/// Two runs over the open episode: one that was kept, or comes from a trace of the same episode, and the session's own
/// as it now stands, under another policy or of another model. Both are values: what was kept stays as it was. GUI
/// thread only; no call waits.
class Comparison : public QObject {
  Q_OBJECT

 public:
  enum Side { kKept, kNow };

  /// `session` must outlive it.
  explicit Comparison(Session* session, QObject* parent = nullptr);

  /// Keeps the session's records under the name of its model and policy. Another episode forgets them.
  void keep();
  /// Keeps records of the open episode under another policy, by frame.
  void keep(std::vector<FrameRecordPtr> records, const ExitPolicy& policy);
  /// Reads what a trace holds of the open episode, to be kept in the same way. What was kept stays until it is there.
  void keep_trace(const std::filesystem::path& file);
  bool reading_trace() const { return reading_; }
  void forget();
  bool has_kept() const { return !kept_.empty(); }
  QString name(Side side) const;  ///< "deer-nano, thresholds 0.035, 0.030, always"

  FrameRecordPtr record(Side side, qint64 frame) const;  ///< null if there is none
  qint64 frames() const { return static_cast<qint64>(difference_.size()); }

  // By frame; NaN where one of the two is missing.
  const std::vector<float>& depth(Side side) const { return depth_[side]; }
  /// Root of the mean of squares over the six executed arm values, in the model's units.
  const std::vector<float>& difference() const { return difference_; }
  const std::vector<float>& llm_gflops(Side side) const { return gflops_[side]; }

  /// Whether the two left at different depths, move the gripper differently, or act farther apart than `tolerance()`.
  bool differs(qint64 frame) const;
  static double tolerance() { return 1e-3; }
  std::vector<qint64> differing(std::size_t most) const;
  std::optional<qint64> next_differing(qint64 frame, int direction) const;

  struct Totals {
    qint64 frames = 0;  ///< that both have
    qint64 differing = 0;
    qint64 gripper_differs = 0;
    std::array<double, 2> mean_depth{};
    std::array<double, 2> mean_llm_gflops{};  ///< NaN if a model's sizes are not known
    double mean_difference = 0;
    double most_difference = 0;
    double mean_distance = 0;  ///< between the positions, as position_distance(); NaN without positions
  };
  Totals totals() const;

 Q_SIGNALS:
  void started_anew();  ///< something was kept or forgotten
  void changed();       ///< values; gathered
  void reading_changed();
  void problem(const deer::Problem& problem);  ///< the trace cannot be read, or is of other frames

 private:
  struct Origin {
    QString name;
    std::optional<CostModel> costs;
  };

  void stop_reading();
  void take_trace(const std::filesystem::path& file, TraceSide side);
  void start_anew(qint64 frames);
  void grow(qint64 frames);
  void take(qint64 frame);
  Origin origin_of_session(const ExitPolicy& policy) const;
  static float gflops_of(const Origin& origin, const FrameRecord& record);

  Session* session_;
  std::vector<FrameRecordPtr> kept_;
  Origin kept_origin_;
  Origin now_origin_;
  std::array<std::vector<float>, 2> depth_;
  std::array<std::vector<float>, 2> gflops_;
  std::vector<float> difference_;
  std::vector<float> distance_;
  std::vector<bool> gripper_differs_;
  RecordSlices* slices_;
  bool reading_ = false;
  quint64 trace_number_ = 0;
  NewestTask trace_task_;
};

/// A policy in a few words: "thresholds 0.0350, 0.0300, always", "always exit 3".
QString describe_policy(const ExitPolicy& policy, const std::vector<int>& exit_layers);

}  // namespace deer
