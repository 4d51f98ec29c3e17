// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QObject>

#include "sessions/session/session.h"

namespace deer {

class PresentView;
class RunSummary;
class RunTally;

/// Keeps a stage on the session's current frame. Keeps the previous image while the next one is read.
class PresentFeed : public QObject {
  Q_OBJECT

 public:
  /// All must outlive it, or be destroyed with it.
  PresentFeed(Session* session, RunSummary* summary, PresentView* view, QObject* parent = nullptr);

  /// Whether the stage shows this frame completely.
  bool shows(qint64 frame) const;

 private:
  void take_model();
  void start_anew();
  void take_depths(qint64 first, qint64 last);
  void refresh();

  Session* session_;
  RunSummary* summary_;
  RunTally* tally_;
  PresentView* view_;
  bool probed_;  ///< of some frames every exit was run
  ImagePtr source_;
  QImage picture_;
  qint64 picture_frame_ = -1;  // of the image, or of the reason for having none
  QString problem_;
};

}  // namespace deer
