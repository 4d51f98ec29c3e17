// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>

#include "widgets/cameras/camera_overlays.h"

namespace deer {

class CommandTable;

/// What is drawn over the camera pictures, as a part of the window: its state and its commands.
class OverlayPart : public QObject {
  Q_OBJECT

 public:
  /// Over every CameraView in `pictures`. `window` owns it; `session` must outlive it.
  OverlayPart(Session* session, QWidget* pictures, QWidget* window);

  CameraOverlays* overlays() const { return overlays_; }
  void add_commands(CommandTable* commands);

 private:
  CameraOverlays* overlays_;
};

}  // namespace deer
