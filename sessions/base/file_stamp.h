// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <filesystem>

namespace deer {

// Texts that change when what is on disk does. They read it: not for the GUI thread.

/// A model: its file, or its folder and the files right in it.
QString model_stamp(const std::filesystem::path& path);
/// A dataset: its file or folder alone, which may hold a million files. Frames that come or go are noticed, frames that
/// are written over are not.
QString source_stamp(const std::filesystem::path& path);

}  // namespace deer
