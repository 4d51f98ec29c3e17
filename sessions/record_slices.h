// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QTimer>
#include <algorithm>
#include <functional>

#include "sessions/session.h"

namespace deer {

/// Hands a session's records to a view's data little by little, so that an event of a hundred thousand records does
/// not hold up the GUI thread: a few milliseconds a turn of the event loop.
class RecordSlices : public QObject {
 public:
  struct Calls {
    std::function<void(qint64 frames)> start_anew;  ///< another model or episode of so many frames
    std::function<void(qint64 frames)> grow;        ///< live: so many frames now
    std::function<void(qint64 frame, const FrameRecordPtr& record)> take;  ///< never null
    std::function<void()> taken;                                           ///< after each slice
  };

  RecordSlices(Session* session, Calls calls, QObject* parent)
      : QObject(parent), session_(session), calls_(std::move(calls)) {
    timer_.setInterval(0);
    connect(&timer_, &QTimer::timeout, this, [this] { slice(); });
    connect(session, &Session::model_changed, this, [this] { start(); });
    connect(session, &Session::episode_changed, this, [this] { start(); });
    connect(session, &Session::frames_added, this, [this](qint64, qint64 last) { calls_.grow(last + 1); });
    connect(session, &Session::records_changed, this, [this](qint64 first, qint64 last) { mark(first, last); });
  }

  /// Once, when the view's data are ready to be called.
  void start() {
    calls_.start_anew(session_->frame_count());
    mark(0, session_->frame_count() - 1);
  }

  bool busy() const { return timer_.isActive(); }

 private:
  static constexpr qint64 kSliceMs = 6;

  void mark(qint64 first, qint64 last) {
    next_ = timer_.isActive() ? std::min(next_, first) : first;
    end_ = timer_.isActive() ? std::max(end_, last + 1) : last + 1;
    timer_.start();
  }

  void slice() {
    QElapsedTimer clock;
    clock.start();
    next_ = std::max<qint64>(next_, 0);
    end_ = std::min(end_, session_->frame_count());
    while (next_ < end_ && clock.elapsed() < kSliceMs) {
      if (const auto record = session_->record(next_)) calls_.take(next_, record);
      ++next_;
    }
    if (next_ >= end_) timer_.stop();
    calls_.taken();
  }

  Session* session_;
  Calls calls_;
  QTimer timer_;
  qint64 next_ = 0;
  qint64 end_ = 0;
};

}  // namespace deer
