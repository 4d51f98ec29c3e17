// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QList>
#include <QSize>
#include <QString>

namespace deer {

/// Something that can be exported as a video, frame by frame. GUI thread.
class VideoSubject {
 public:
  virtual ~VideoSubject() = default;

  virtual QString name() const = 0;        ///< for a list: "The presentation"
  virtual QString file_name() const = 0;   ///< part of the proposed file name: "presentation"
  virtual QList<QSize> sizes() const = 0;  ///< offered sizes in pixels, both even, the best first
  virtual void begin(const QSize& pixels) = 0;
  /// Whether everything of this frame, the session's current one, is drawn. Asked again until it is.
  virtual bool ready(qint64 frame) = 0;
  virtual QImage picture() = 0;  ///< of the size that was asked for
  virtual void end() = 0;        ///< after begin(), once
};

}  // namespace deer
