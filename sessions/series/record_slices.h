// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QPointer>
#include <functional>

#include "sessions/session/session.h"

namespace deer {

class SliceTurns;

/// Hands a session's records to a view's data little by little, so that an event of a hundred thousand records does
/// not hold up the GUI thread. All slices of a session take turns: together they work a few milliseconds in
/// each sixtieth of a second, however many there are. What is little is handed over at once.
class RecordSlices : public QObject {
 public:
  struct Calls {
    std::function<void(qint64 frames)> start_anew;  ///< another model or episode of so many frames
    std::function<void(qint64 frames)> grow;        ///< live: so many frames now
    std::function<void(qint64 frame, const FrameRecordPtr& record)> take;  ///< never null
    std::function<void()> taken;                                           ///< after each slice
    std::function<void(qint64 frame)> lose = {};                           ///< a frame has no record, or none any more
  };

  RecordSlices(Session* session, Calls calls, QObject* parent);
  ~RecordSlices() override;

  /// Once, when the view's data are ready to be called.
  void start();

  bool busy() const { return next_ < end_; }

 private:
  friend class SliceTurns;
  static constexpr qint64 kAtOnce = 256;

  void mark(qint64 first, qint64 last);
  void slice();  ///< some frames

  Session* session_;
  Calls calls_;
  QPointer<SliceTurns> turns_;
  qint64 frames_ = 0;  ///< that the view knows of: a new episode's first signal comes before start()
  qint64 next_ = 0;
  qint64 end_ = 0;
};

}  // namespace deer
