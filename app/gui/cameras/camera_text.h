// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>

#include "core/episodes/camera/camera_report.h"

namespace deer {

/// "connecting", "live", "stalled", "lost, next try in 4 s", "ended", "failed".
QString camera_state_text(const CameraReport& report);
/// "Static camera", "Gripper camera".
QString camera_title(const CameraReport& report);

}  // namespace deer
