// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace deer {

/// What the driver knows of an open file.
struct SafeFileState {
  int error = 0;  ///< errno of the first write that failed; from then on the file is left as it was
};

/// An HDF5 file driver under which a file opens with any HDF5 program at every moment of its life.
///
/// In single-writer mode HDF5 writes metadata in an order in which every state of the file is consistent, but it
/// also marks the file as being written, and stores where it ends only after what lies there: after a
/// crash others refuse to open it. This driver keeps a stretch of the file's end in reserve, stores the end of that,
/// and takes the mark out of every superblock on its way to the disk. Nothing is gathered or reordered, so that the
/// order holds for a process that is killed. (A machine that loses power may keep later writes and lose
/// earlier ones.) After a write that failed nothing more is written: the rest of HDF5 then comes to an end in peace.
///
/// Wants superblock version 2 or 3 (H5Pset_libver_bounds to H5F_LIBVER_V110) and writes without file locks.
/// Returns the driver for H5Pset_driver. Call with HDF5 locked.
hid_t safe_file_driver();

/// Of a file opened with this driver; lives as long as the file is open.
const SafeFileState& safe_file_state(hid_t file);

/// For tests: called before every change of a file (write or new length), in the writing thread. Empty: nothing.
void set_safe_file_hook(std::function<void()> before_change);

/// Bob Jenkins' lookup3 hash, HDF5's checksum of metadata.
std::uint32_t lookup3(std::span<const unsigned char> bytes);

}  // namespace deer
