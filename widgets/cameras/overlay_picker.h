// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QToolButton>

#include "widgets/cameras/camera_overlays.h"

class QMenu;

namespace deer {

/// Button over an image that chooses its overlays: "Overlay: none".
class OverlayPicker : public QToolButton {
  Q_OBJECT

 public:
  /// `overlays` must outlive it.
  explicit OverlayPicker(CameraOverlays* overlays, QWidget* parent = nullptr);

  /// Whether it only reads "Overlay", for narrow images.
  void set_short(bool is_short);

  /// Replaces the contents of `menu` by all choices.
  static void fill(QMenu* menu, CameraOverlays* overlays);

 private:
  void retitle();

  CameraOverlays* overlays_;
  bool short_ = false;
};

}  // namespace deer
