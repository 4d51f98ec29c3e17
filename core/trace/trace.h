// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/action_layout.h"
#include "core/base/json_file.h"

namespace deer {

/// How pooled features are stored. Only float32 makes a replay exact.
enum class FeatureType { float32, float16 };

/// What a trace says of the run as a whole.
struct TraceMetadata {
  std::string model_path;        ///< as it was opened
  std::string model_name;        ///< to show
  std::string model_hash;        ///< identifies the weights; may be empty
  std::string family;            ///< "MPT-1b" or "MPT-7b"
  std::vector<int> exit_layers;  ///< zero-based, shallow to deep; at least one
  int layers = 0;                ///< decoder layers that were in memory
  int d_model = 0;               ///< numbers in a pooled feature; 0 if the trace has none (not of DeeR's layout)
  std::string device;
  std::string dtype;
  FeatureType features = FeatureType::float32;
  ActionLayoutPtr layout = ActionLayout::deer();  ///< of every action; never null
  Json policy;                                    ///< in force during the run
  std::map<std::string, std::string> versions;    ///< program or library to version
  std::string created;                            ///< ISO 8601, UTC
};

/// A stretch of frames of one episode with one instruction, numbered without gaps.
struct TraceSpan {
  std::int64_t first = 0;        ///< its first frame, counted through the trace
  std::int64_t count = 0;        ///< frames; at least one
  std::int64_t first_frame = 0;  ///< FrameRecord::frame of its first frame
  std::string source;            ///< as TraceFrame has it
  std::int32_t episode = -1;     ///< likewise
  std::string instruction;
  bool starts_episode = false;  ///< it does not go on with the episode of the span before
};

/// Where a frame came from, and what else is to be kept of it. The observation itself is not copied.
struct TraceFrame {
  std::string source;          ///< path that was opened; empty: none (live)
  std::int32_t episode = -1;   ///< index in that source's collection of episodes
  std::int64_t frame_id = -1;  ///< the source's own number
  std::string instruction;
  /// The data's action of one step, as the layout orders it; empty: none. DeeR's is as Observation::rel_action.
  std::vector<double> recorded_action;
  std::vector<std::uint8_t> thumbnail;  ///< bytes of a picture file (JPEG); may be empty
};

}  // namespace deer
