// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>

namespace deer {

/// Reads an HDF5 file of unknown origin in a child process first: all objects' headers, small attributes, and the first
/// row of some datasets. libhdf5 crashes on some damaged or hostile files, which must not end this program. Blocks for
/// milliseconds, at most for 20 s of the child's CPU time or two minutes. Thread-safe; takes h5::lock().
///
/// Throws FileError if the child crashed or used too much time or memory. Files that libhdf5 refuses with an error
/// pass: the caller gets the same error.
void trial_read(const std::filesystem::path& file);

/// The same with another way of reading, for tests.
void trial_read(const std::filesystem::path& file, void (*read)(const char* file));

}  // namespace deer
