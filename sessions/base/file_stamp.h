// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <filesystem>

namespace deer {

/// A text that changes when `path` does: a file, or a folder and the files right in it. Reads the disk; not for the GUI
/// thread.
QString file_stamp(const std::filesystem::path& path);

}  // namespace deer
