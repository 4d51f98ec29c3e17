// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/camera_words.h"

#include <QCoreApplication>
#include <cmath>

namespace deer {
namespace {

QString tr(const char* text) { return QCoreApplication::translate("deer::CameraWords", text); }

}  // namespace

QString camera_state_text(const CameraReport& report) {
  switch (report.state) {
    case CameraState::connecting:
      return tr("connecting");
    case CameraState::live:
      return tr("live");
    case CameraState::stalled:
      return tr("stalled");
    case CameraState::reconnecting: {
      const auto seconds = report.retry_in_s ? static_cast<int>(std::ceil(*report.retry_in_s)) : 0;
      return seconds > 0 ? tr("lost, next try in %1 s").arg(seconds) : tr("lost, trying again");
    }
    case CameraState::ended:
      return tr("ended");
    case CameraState::failed:
      break;
  }
  return tr("failed");
}

QString camera_title(const CameraReport& report) {
  return report.name == "gripper" ? tr("Gripper camera") : tr("Static camera");
}

}  // namespace deer
