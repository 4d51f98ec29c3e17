// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace deer {

/// Whether `file` is the small text that git-LFS puts in the place of a file that was not downloaded. False for what
/// cannot be read.
bool is_lfs_pointer(const std::filesystem::path& file);

/// What stands in the place of data that was not downloaded, after the file's name: "is a git-LFS pointer: …" or "is a
/// web page (HTML): …". Empty for everything else. `bytes`: the file's, at least the first hundred.
std::string problem_of_download(std::span<const std::byte> bytes);

/// Throws FileError that says so if it is a git-LFS pointer.
void refuse_lfs_pointer(const std::filesystem::path& file);

}  // namespace deer
