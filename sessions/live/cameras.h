// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/episodes/camera/camera_source.h"
#include "sessions/live/live_source.h"

namespace deer {

/// One or two cameras to watch. Nobody knows whose arm they see, so commands go nowhere.
LiveOpener camera_opener(CameraSourceOptions options);
/// With cameras of another make.
LiveOpener camera_opener(CameraSourceOptions options, CameraOpener opener);

}  // namespace deer
