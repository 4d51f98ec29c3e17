// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>

#include "sessions/base/factories.h"

namespace deer::bench {

/// Longer traces would take many gigabytes with their features.
inline constexpr std::int64_t kMostReplayed = 200'000;

/// Writes a trace of one episode of so many frames, with made values: six exits that agree more and more with
/// depth, a smooth action with noise, an instruction every 360 frames, small pictures. It says that `model` made it,
/// so that its thresholds can be changed. Without `features` it cannot be replayed, and takes a twentieth of the room.
void write_long_trace(const std::filesystem::path& file, std::int64_t frames, const std::filesystem::path& model,
                      bool features);

/// Opens traces as the program does, and adds to each frame a robot that moves, for the view of the arm.
SourceOpener opener_with_robot();

}  // namespace deer::bench
