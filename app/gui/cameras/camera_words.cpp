// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/cameras/camera_words.h"

#include <QCoreApplication>
#include <cmath>

namespace deer {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(deer::CameraWords)
};

}  // namespace

QString camera_state_text(const CameraReport& report) {
  switch (report.state) {
    case CameraState::connecting:
      return Words::tr("connecting");
    case CameraState::live:
      return Words::tr("live");
    case CameraState::stalled:
      return Words::tr("stalled");
    case CameraState::reconnecting: {
      const auto seconds = report.retry_in_s ? static_cast<int>(std::ceil(*report.retry_in_s)) : 0;
      return seconds > 0 ? Words::tr("lost, next try in %1 s").arg(seconds) : Words::tr("lost, trying again");
    }
    case CameraState::ended:
      return Words::tr("ended");
    case CameraState::failed:
      break;
  }
  return Words::tr("failed");
}

QString camera_title(const CameraReport& report) {
  return report.name == "gripper" ? Words::tr("Gripper camera") : Words::tr("Static camera");
}

}  // namespace deer
