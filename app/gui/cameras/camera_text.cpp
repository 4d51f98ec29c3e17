// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/cameras/camera_text.h"

#include <QCoreApplication>
#include <cmath>

namespace deer {
namespace {

struct CameraText {
  Q_DECLARE_TR_FUNCTIONS(deer::CameraText)
};

}  // namespace

QString camera_state_text(const CameraReport& report) {
  switch (report.state) {
    case CameraState::connecting:
      return CameraText::tr("connecting");
    case CameraState::live:
      return CameraText::tr("live");
    case CameraState::stalled:
      return CameraText::tr("stalled");
    case CameraState::reconnecting: {
      const auto seconds = report.retry_in_s ? static_cast<int>(std::ceil(*report.retry_in_s)) : 0;
      return seconds > 0 ? CameraText::tr("lost, retrying in %1 s").arg(seconds) : CameraText::tr("lost, retrying");
    }
    case CameraState::ended:
      return CameraText::tr("ended");
    case CameraState::failed:
      break;
  }
  return CameraText::tr("failed");
}

QString camera_title(const CameraReport& report) {
  return report.name == "gripper" ? CameraText::tr("Gripper camera") : CameraText::tr("Static camera");
}

}  // namespace deer
