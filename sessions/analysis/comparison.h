// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <array>
#include <optional>
#include <vector>

#include "core/budget/cost_model.h"
#include "sessions/runs/kept_runs.h"
#include "sessions/series/record_slices.h"

namespace deer {

/// The kept runs that are shown, each against the session's own run, under another policy or of another model. One of
/// them is the baseline, with which single frames are compared. GUI thread only; no call waits.
class Comparison : public QObject {
  Q_OBJECT

 public:
  enum Side { kKept, kNow };  ///< the baseline, and the session's run

  /// Of KeptRuns::of(session). `session` must outlive it.
  explicit Comparison(Session* session, QObject* parent = nullptr);

  KeptRuns* kept() const { return kept_; }
  bool has_kept() const { return !others_.empty(); }
  std::size_t runs() const { return others_.size(); }                                    ///< shown, oldest first
  std::size_t baseline() const { return baseline_; }                                     ///< its place among them
  const KeptRun* run(std::size_t place) const { return kept_->run(others_[place].id); }  ///< null once it is removed
  QString name(Side side) const;  ///< "Run 1: deer-nano, thresholds 0.035, 0.030, always"

  FrameRecordPtr record(Side side, qint64 frame) const;  ///< null if there is none
  qint64 frames() const { return frames_; }

  // By frame; NaN where one of the two is missing.
  const std::vector<float>& depth(Side side) const;
  /// Root of the mean of squares over the six executed arm values, in the model's units.
  const std::vector<float>& difference() const;
  const std::vector<float>& llm_gflops(Side side) const;
  const std::vector<float>& depth_of(std::size_t place) const { return others_[place].depth; }

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
  Totals totals() const { return has_kept() ? totals(baseline_) : Totals(); }
  Totals totals(std::size_t place) const;

 Q_SIGNALS:
  void started_anew();  ///< other runs, or another baseline
  void changed();       ///< values and names; gathered

 private:
  /// A shown run and what comes of it by frame.
  struct Other {
    QString id;
    KeptRecords records;
    std::optional<CostModel> costs = {};
    std::vector<float> depth = {}, gflops = {}, difference = {}, distance = {};
    std::vector<bool> gripper_differs = {};

    void grow(std::size_t frames);
  };

  void follow_runs();
  void start_anew(qint64 frames);
  void grow(qint64 frames);
  void take(qint64 frame);
  void take(Other* other, qint64 frame, const FrameRecordPtr& now) const;
  bool differs(const Other& other, std::size_t place) const;
  std::optional<CostModel> costs_of(const KeptRun& run) const;
  static float gflops_of(const std::optional<CostModel>& costs, const FrameRecord& record);

  Session* session_;
  KeptRuns* kept_;
  std::vector<Other> others_;
  std::size_t baseline_ = 0;
  qint64 frames_ = 0;
  std::optional<CostModel> costs_;  ///< of the session's model
  std::vector<float> depth_, gflops_;
  RecordSlices* slices_;
};

}  // namespace deer
