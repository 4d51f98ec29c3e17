// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QPointer>
#include <QWidget>

#include "app/gui/video/video_subject.h"
#include "sessions/session/session.h"

namespace deer {

/// The whole window as it is on the screen.
class WindowSubject final : public VideoSubject {
 public:
  WindowSubject(Session* session, QWidget* window) : session_(session), window_(window) {}

  QString name() const override;
  QString file_name() const override { return QStringLiteral("window"); }
  QList<QSize> sizes() const override;
  void begin(const QSize& pixels) override;
  bool ready(qint64 frame) override;
  QImage picture() override;
  void end() override {}

 private:
  bool all_settled() const;

  Session* session_;
  QWidget* window_;
  QSize pixels_;
  qint64 frame_ = -1;
  int looks_ = 0;
};

}  // namespace deer
