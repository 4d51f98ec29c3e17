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

/// Information about the run in a trace.
struct TraceMetadata {
  std::string model_path;        ///< as opened
  std::string model_name;        ///< display name
  std::string model_hash;        ///< identifies the weights; may be empty
  std::string family;            ///< "MPT-1b" or "MPT-7b"
  std::vector<int> exit_layers;  ///< zero-based, shallow to deep; at least one
  int layers = 0;                ///< decoder layers that were in memory
  int d_model = 0;               ///< numbers in a pooled feature; 0 if the trace has none (not of DeeR's layout)
  std::string device;
  std::string dtype;
  FeatureType features = FeatureType::float32;
  ActionLayoutPtr layout = ActionLayout::deer();  ///< of every action; never null
  Json policy;                                    ///< active during the run
  std::map<std::string, std::string> versions;    ///< program or library to version
  std::string created;                            ///< ISO 8601, UTC
};

/// Consecutive frames of one episode with one instruction.
struct TraceSpan {
  std::int64_t first = 0;        ///< its first frame, counted over the whole trace
  std::int64_t count = 0;        ///< frames; at least one
  std::int64_t first_frame = 0;  ///< FrameRecord::frame of its first frame
  std::string source;            ///< as in TraceFrame
  std::int32_t episode = -1;     ///< as in TraceFrame
  std::string instruction;
  bool starts_episode = false;  ///< does not continue the episode of the previous span
};

/// Origin of a frame and additional data to store. The observation itself is not copied.
struct TraceFrame {
  std::string source;          ///< opened path; empty: none (live)
  std::int32_t episode = -1;   ///< index in that source's collection of episodes
  std::int64_t frame_id = -1;  ///< the source's own number
  std::string instruction;
  /// The data's action of one step, as the layout orders it; empty: none. DeeR's is as Observation::rel_action.
  std::vector<double> recorded_action;
  std::vector<std::uint8_t> thumbnail;  ///< contents of an image file (JPEG); may be empty
};

}  // namespace deer
