// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/cameras/camera_text.h"

#include <QCoreApplication>
#include <cmath>

namespace deer {
namespace {

struct Strings {
  Q_DECLARE_TR_FUNCTIONS(deer::CameraText)
};

}  // namespace

QString camera_state_text(const CameraReport& report) {
  switch (report.state) {
    case CameraState::connecting:
      return Strings::tr("connecting");
    case CameraState::live:
      return Strings::tr("live");
    case CameraState::stalled:
      return Strings::tr("stalled");
    case CameraState::reconnecting: {
      const auto seconds = report.retry_in_s ? static_cast<int>(std::ceil(*report.retry_in_s)) : 0;
      return seconds > 0 ? Strings::tr("lost, retrying in %1 s").arg(seconds) : Strings::tr("lost, retrying");
    }
    case CameraState::ended:
      return Strings::tr("ended");
    case CameraState::failed:
      break;
  }
  return Strings::tr("failed");
}

QString camera_title(const CameraReport& report) {
  return report.name == "gripper" ? Strings::tr("Gripper camera") : Strings::tr("Static camera");
}

}  // namespace deer
