// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>

namespace deer {

/// Frames that Playback can move through: those of the open episode. GUI thread only.
class PlayedFrames : public QObject {
  Q_OBJECT

 public:
  using QObject::QObject;

  virtual qint64 frame_count() const = 0;            ///< 0 if nothing is open
  virtual qint64 current_frame() const = 0;          ///< -1 if nothing is open
  virtual void set_current_frame(qint64 frame) = 0;  ///< clamped to the episode
  virtual double frames_per_second() const = 0;      ///< as recorded; 0: unknown, or nothing is open

 Q_SIGNALS:
  void episode_changed();  ///< frames, records and current frame all start anew
};

}  // namespace deer
