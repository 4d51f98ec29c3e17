// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/episodes/hdf5/hdf5_file.h"
#include "core/episodes/recording.h"

namespace deer {

/// Where the episodes of an HDF5 file are.
struct Hdf5Episodes {
  std::string kind;                 ///< "robomimic HDF5", "LIBERO HDF5", …
  std::vector<std::string> groups;  ///< one an episode, "/data/demo_0"; "/" for a file that is one
  std::string robot;
  std::string instruction;  ///< of all; may be empty
  double frames_per_second = 20;
  bool upside_down = false;  ///< pictures are stored bottom row first
  RelativePoseAction relative_pose;
};

/// How pictures of a camera are stored.
enum class Hdf5Pictures { rows_first, channels_first, encoded };

/// Datasets of an episode, with their names in the schema.
struct Hdf5Fields {
  struct Field {
    std::string path;  ///< below the episode's group, without a leading "/"
    Hdf5Pictures pictures = Hdf5Pictures::rows_first;
  };
  RecordingSchema schema;
  std::vector<Field> cameras;  ///< as schema.cameras
  std::vector<Field> series;   ///< as schema.series
  std::vector<std::string> left_out;
  std::vector<std::string> refused;  ///< why datasets are not read, a line each
  std::int64_t frames = 0;
};

/// Throws FileError that lists the kinds that are read if the file is of none.
Hdf5Episodes find_hdf5_episodes(const Hdf5File& file);

/// Frames of the episode in `group`: the rows of its actions. Throws FileError if it has none.
std::int64_t hdf5_length(const Hdf5File& file, const std::string& group);

/// Cameras and series of the episode in `group`. Throws FileError.
Hdf5Fields find_hdf5_fields(const Hdf5File& file, const std::string& group);

/// The instruction of this episode; empty if it has none of its own.
std::string hdf5_instruction(const Hdf5File& file, const std::string& group);

}  // namespace deer
