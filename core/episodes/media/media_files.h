// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/episodes/episode_collection.h"

namespace deer {

/// "frame 9" before "frame 10": runs of digits compare by value, everything else by byte.
bool natural_less(std::string_view a, std::string_view b);

/// Image files of a folder in natural order, known by their extension. Those of formats that are not read (GIF, HEIC,
/// …) are added to `unread`. Throws FileError if the folder cannot be listed.
std::vector<std::filesystem::path> list_images(const std::filesystem::path& folder,
                                               std::vector<std::filesystem::path>* unread = nullptr);

/// What list_images() reads, for messages.
inline constexpr const char* kImageFormats = "png, jpg, bmp, webp, tiff, ppm";

/// True if the file begins like a supported video container or image. Text is never treated as a video:
/// a playlist could refer to other files. Throws FileError if it is unreadable.
bool looks_like_video(const std::filesystem::path& file);
bool looks_like_image(const std::filesystem::path& file);

/// The instruction in options, or the first line of instruction.txt in `inside` (if not empty) or
/// `beside`. An unreadable file becomes a warning.
std::string find_instruction(const OpenSourceOptions& options, const std::filesystem::path& inside,
                             const std::filesystem::path& beside, std::vector<std::string>& warnings);

/// A folder of images, or of folders `static` and `gripper`, or one image. Throws FileError.
std::shared_ptr<const EpisodeCollection> open_images(const std::filesystem::path& path,
                                                     const OpenSourceOptions& options);

/// A video, or a pair of them. Throws FileError.
std::shared_ptr<const EpisodeCollection> open_video(const std::filesystem::path& path,
                                                    const OpenSourceOptions& options);

}  // namespace deer
