// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "core/episodes/camera/camera_report.h"
#include "sessions/session/session.h"

class QLabel;
class QPushButton;

namespace deer {

class LiveRecording;

/// State, rate and drops of each camera of a live run, skew, latency from capture to screen, and
/// the recording. Hidden while there is nothing to show.
class CameraStrip : public QWidget {
  Q_OBJECT

 public:
  CameraStrip(Session* session, LiveRecording* recording, QWidget* parent = nullptr);

  /// Starts and stops recording; shown while there is something to record. To be put into a layout, which then owns it.
  QPushButton* record_button() const { return record_; }
  QString camera_text(int camera) const;  ///< "live  30.0 Hz  2 dropped"; empty if there is no such camera
  QString latency_text() const;
  QString recording_text() const;

 Q_SIGNALS:
  void record_requested();

 private:
  struct Row {
    QLabel* name;
    QLabel* state;
    QLabel* rate;
    QLabel* drops;
  };

  void refresh();
  void restyle();
  void show_camera(const Row& row, const CameraReport* report);
  void show_recording();

  Session* session_;
  LiveRecording* recording_;
  Row rows_[2];
  QLabel* skew_;
  QLabel* latency_;
  QLabel* recorded_;
  QPushButton* record_;
};

}  // namespace deer
