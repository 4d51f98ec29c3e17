// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QTimer>
#include <filesystem>
#include <memory>

#include "app/gui/video/video_subject.h"
#include "sessions/session/session.h"

namespace deer {

class VideoEncoder;

/// Renders a range of frames of the open episode into a video: one picture per turn of
/// the event loop, encoded on another thread. Ends with one of finished(), cancelled() and failed(), and with
/// the frame current that was current before.
class VideoExport : public QObject {
  Q_OBJECT

 public:
  struct Plan {
    qint64 first = 0;  ///< frames, both ends inclusive
    qint64 last = 0;
    QSize pixels;
    double frames_per_second = 30;
    std::filesystem::path file;
  };

  VideoExport(Session* session, std::unique_ptr<VideoSubject> subject, const Plan& plan, QObject* parent = nullptr);
  ~VideoExport() override;

  void start();
  void cancel();  ///< removes the partial file

  qint64 done() const { return taken_; }  ///< pictures taken
  qint64 total() const { return plan_.last - plan_.first + 1; }
  double seconds_left() const;  ///< negative: not known yet
  const Plan& plan() const { return plan_; }

 Q_SIGNALS:
  void progressed();
  void finished();
  void cancelled();
  void failed(const QString& message);

 private:
  void look();
  void stop_taking();

  Session* session_;
  std::unique_ptr<VideoSubject> subject_;
  Plan plan_;
  VideoEncoder* encoder_ = nullptr;
  QTimer timer_;
  QElapsedTimer clock_;
  qint64 taken_ = 0;
  qint64 frame_before_ = -1;
  bool taking_ = false;
};

}  // namespace deer
