// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QToolButton>

#include "widgets/camera_overlays.h"

namespace deer {

/// The button over a picture that chooses what is drawn on it: "Overlay: none".
class OverlayPicker : public QToolButton {
  Q_OBJECT

 public:
  /// `overlays` must outlive it.
  explicit OverlayPicker(CameraOverlays* overlays, QWidget* parent = nullptr);

 private:
  void fill();
  void retitle();

  CameraOverlays* overlays_;
};

}  // namespace deer
