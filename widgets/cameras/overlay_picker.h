// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QToolButton>

#include "widgets/cameras/camera_overlays.h"

class QMenu;

namespace deer {

/// The button over a picture that chooses what is drawn on it: "Overlay: none".
class OverlayPicker : public QToolButton {
  Q_OBJECT

 public:
  /// `overlays` must outlive it.
  explicit OverlayPicker(CameraOverlays* overlays, QWidget* parent = nullptr);

  /// Whether it only says "Overlay", for narrow pictures.
  void set_short(bool is_short);

  /// Puts every choice into `menu`, in place of what it holds.
  static void fill(QMenu* menu, CameraOverlays* overlays);

 private:
  void retitle();

  CameraOverlays* overlays_;
  bool short_ = false;
};

}  // namespace deer
