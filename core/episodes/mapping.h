// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/action_layout.h"
#include "core/base/json_file.h"
#include "core/episodes/recording.h"

namespace deer {

/// One number of a state or an action: stored value × scale + offset.
struct MappedColumn {
  std::string series;      ///< of the dataset
  std::size_t column = 0;  ///< from 0
  std::string name;        ///< as shown
  std::string unit;        ///< after scaling; may be empty
  double scale = 1;
  double offset = 0;

  bool operator==(const MappedColumn&) const = default;
};

/// Which parts of a dataset are what the views and a model expect. JSON: docs/formats.md.
struct Mapping {
  std::string static_camera;         ///< empty: none
  std::string gripper_camera;        ///< empty: none
  std::vector<std::string> flipped;  ///< cameras whose pictures are stored upside down
  std::vector<MappedColumn> state;
  std::vector<MappedColumn> action;
  bool deer_action = false;  ///< `action` is DeeR's after scaling: seven numbers as Observation::rel_action
  std::string instruction;   ///< instead of the recorded ones; empty: those

  bool operator==(const Mapping&) const = default;
};

/// From the names of cameras, series and columns, and the robot's.
Mapping guess_mapping(const RecordingSchema& schema);

/// Reads a mapping, also from what `deer info --json` prints. Fields that the file lacks are guessed. Throws FileError
/// that names the field, what was found and what the dataset has.
Mapping read_mapping(const std::filesystem::path& file, const RecordingSchema& schema);
Mapping mapping_from_json(const Json& whole, const std::filesystem::path& file, const RecordingSchema& schema);
Json mapping_to_json(const Mapping& mapping);

/// The layout that views draw the action in; null if there is none, or nothing but grippers.
ActionLayoutPtr action_layout(const Mapping& mapping);

/// Values of `columns` in a frame; empty if the frame has none of them, NaN where it lacks one.
std::vector<double> mapped_values(const std::vector<MappedColumn>& columns, const RecordingSchema& schema,
                                  const RecordedFrame& frame);

}  // namespace deer
