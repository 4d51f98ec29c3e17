// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QTimer>
#include <memory>
#include <vector>

#include "core/budget/calibration_health.h"
#include "sessions/analysis/budget.h"
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
    other_criterion,  ///< the set holds values of another criterion or delta type than the active policy
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
  void set_state(State state);

  Session* session_;
  Budget* budget_;
  RunTally* tally_;
  QTimer later_;
  State state_ = State::no_set;
  std::vector<ExitHealth> health_;
  qint64 frames_ = 0;
  bool told_ = false;
  quint64 wanted_ = 0;
  NewestTask task_;
};

}  // namespace deer
