// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QObject>

#include "sessions/session/session.h"

namespace deer {

class PresentView;
class RunSummary;

/// Keeps a stage on the session's current frame. While the next picture is read, the one before stays.
class PresentFeed : public QObject {
  Q_OBJECT

 public:
  /// All must outlive it, or go with it.
  PresentFeed(Session* session, RunSummary* summary, PresentView* view, QObject* parent = nullptr);

  /// Whether the stage shows all that can be known of this frame.
  bool shows(qint64 frame) const;

 private:
  void take_model();
  void start_anew();
  void take_depths(qint64 first, qint64 last);
  void refresh();

  Session* session_;
  RunSummary* summary_;
  PresentView* view_;
  ImagePtr source_;
  QImage picture_;
  qint64 picture_frame_ = -1;  // that the picture, or the reason for having none, belongs to
  QString problem_;
};

}  // namespace deer
