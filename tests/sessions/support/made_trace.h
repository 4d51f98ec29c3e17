// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <vector>

#include "core/exits/policy_json.h"
#include "core/trace/trace_writer.h"
#include "tests/sessions/support/fakes.h"

namespace deer::test {

inline TraceMetadata fake_metadata(const ExitPolicy& policy, int exits = 4) {
  TraceMetadata m;
  m.model_path = "/models/deer-nano";
  m.model_name = "deer-nano";
  m.family = "MPT-1b";
  for (int i = 0; i < exits; ++i) m.exit_layers.push_back(2 * i + 1);
  m.layers = 2 * exits;
  m.d_model = 8;
  m.device = "cuda:0";
  m.dtype = "bfloat16";
  m.policy = policy_to_json(policy);
  return m;
}

inline ExitPolicy fake_policy(double threshold) {
  ExitPolicy policy;
  policy.thresholds.assign(4, threshold);
  return policy;
}

/// What a run of the fake model over episode `episode` of the fake data, of `frames` frames, gives.
inline std::vector<FrameRecordPtr> fake_records(const ExitPolicy& policy, int episode = 0, int frames = 40) {
  const auto control = std::make_shared<FakeControl>();
  const auto source = fake_source_opener(control, frames)("/data/x", {})->open(static_cast<std::size_t>(episode));
  return fake_run(control, *source, policy);
}

/// A one-colour picture as a JPEG file, 16 pixels wide.
std::vector<std::uint8_t> thumbnail_of(std::uint8_t red, std::uint8_t green, std::uint8_t blue);

/// A trace of both fake episodes (40 and 20 frames) under `policy`. Its thumbnails are green in the first, red in the
/// second episode.
inline void write_fake_trace(const std::filesystem::path& file, const TraceMetadata& metadata, const ExitPolicy& policy,
                             const std::string& source = "/data/gone", bool thumbnails = true) {
  const auto writer = TraceWriter::create(file, metadata);
  for (int episode = 0; episode < 2; ++episode) {
    for (const auto& record : fake_records(policy, episode)) {
      TraceFrame frame;
      frame.source = source;
      frame.episode = episode;
      frame.frame_id = 1000 + record->frame;
      frame.instruction =
          record->frame < (episode == 0 ? 20 : 10) ? "open the drawer" : "push the red block to the left";
      frame.recorded_action = {0.1, 0.2, 0.3, 0, 0, 0, 1};
      if (thumbnails) frame.thumbnail = episode == 0 ? thumbnail_of(20, 200, 40) : thumbnail_of(220, 30, 40);
      writer->append(*record, frame);
    }
  }
  writer->close();
}

}  // namespace deer::test
