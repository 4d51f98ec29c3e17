// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>

#include "core/episodes/frame_source.h"

namespace deer {

/// Array of Observation::blocks, [B, 8]; CALVIN's own recordings do not have it.
inline constexpr const char* kSceneBlocksKey = "scene_blocks";

/// Digits of the frame numbers in CALVIN's file names.
inline constexpr int kFrameDigits = 7;

/// "episode_0358482.npz" in `split`.
std::filesystem::path calvin_frame_path(const std::filesystem::path& split, std::int64_t frame_id,
                                        int digits = kFrameDigits);

/// The number of digits in the names of a split's frames: that by which the file of `frame_id` is found, or
/// kFrameDigits if there is none.
int calvin_frame_digits(const std::filesystem::path& split, std::int64_t frame_id);

/// The number in a name like episode_0358482.npz; -1 if it is not one.
std::int64_t calvin_frame_id(const std::filesystem::path& file);

/// Reads one step of a CALVIN recording: images, actions and states; frame, frame_id, timestamp
/// and instruction are left to the caller. rgb_static is required, the rest may be absent.
/// Numbers of any type are read and must be finite. Images are 8-bit RGB; grey ones, RGBA, channels first and floats
/// from 0 to 1 are converted. Throws FileError naming the file, the key, what was found and what was expected.
/// Thread-safe.
Observation read_calvin_frame(const std::filesystem::path& file);

/// The same without its images, which are neither read nor unpacked.
Observation read_calvin_state(const std::filesystem::path& file);

}  // namespace deer
