// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QTimer>
#include <memory>
#include <vector>

#include "core/budget/calibration_health.h"
#include "sessions/analysis/budget.h"
#include "sessions/series/record_slices.h"
#include "sessions/session/session.h"
#include "sessions/threads/newest_task.h"

namespace deer {

/// Whether the deltas of the session's frames are those of the open calibration set. Compared on a thread of its own,
/// a moment after records have come. GUI thread only; no call waits.
class CalibrationWatch : public QObject {
  Q_OBJECT

 public:
  enum class State {
    no_set,           ///< none is open, or it is of another model
    other_criterion,  ///< the set holds values of another criterion or delta type than the policy in force
    no_frames,        ///< no frame was run through every exit
    computing,        ///< for the first time since it was one of the above
    known,
  };

  /// Both must outlive it.
  CalibrationWatch(Session* session, Budget* budget, QObject* parent = nullptr);

  State state() const { return state_; }
  const std::vector<ExitHealth>& health() const { return health_; }  ///< one an exit; empty unless known
  qint64 frames() const { return frames_; }                          ///< that health() is of
  std::vector<int> drifted() const;                                  ///< exit indices

  static constexpr int kDelayMs = 300;

 Q_SIGNALS:
  void changed();
  /// Exits have drifted that had not, and the run stands. Once until the model, the set or the episode changes.
  void drift_found();

 private:
  void start_anew();
  void compare();
  void see(qint64 frame, const FrameRecord* record);
  void set_state(State state);

  Session* session_;
  Budget* budget_;
  // Deltas of the frames that were run through every exit, by exit and frame; NaN where there is none.
  std::vector<std::vector<float>> deltas_;
  std::vector<bool> probed_;
  qint64 probed_count_ = 0;
  RecordSlices* slices_ = nullptr;
  QTimer later_;
  State state_ = State::no_set;
  std::vector<ExitHealth> health_;
  qint64 frames_ = 0;
  bool told_ = false;
  quint64 wanted_ = 0;
  const CalibrationSet* prepared_of_ = nullptr;
  std::shared_ptr<const PreparedCalibration> prepared_;
  NewestTask task_;
};

}  // namespace deer
