// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/traces/recorded_run.h"

#include <algorithm>

namespace deer {
namespace {

constexpr std::int64_t kRoom = std::int64_t{128} << 20;

}  // namespace

bool RecordedRun::features_fit() const {
  const auto& m = metadata();
  const auto frame =
      static_cast<std::int64_t>(m.exit_layers.size() + 1) * m.d_model * static_cast<std::int64_t>(sizeof(float));
  return frames() <= kRoom / std::max<std::int64_t>(1, frame);
}

ReplayableFrames replayable_frames(std::shared_ptr<const RecordedRun> run, bool features) {
  const auto steps = run->steps();
  const auto modes = run->modes();
  ReplayableFrames out;
  for (std::size_t begin = 0; begin < steps.size();) {
    auto end = begin + 1;
    while (end < steps.size() && steps[end] != 0) ++end;
    const auto first = modes.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = modes.begin() + static_cast<std::ptrdiff_t>(end);
    // One frame whose deeper exits never ran, and what follows it cannot be known.
    if (std::all_of(first, last, [](RunMode mode) { return mode == RunMode::probe; })) {
      for (auto place = begin; place < end; ++place) {
        out.frames.steps.push_back(place == begin ? 0 : steps[place]);
        out.places.push_back(static_cast<std::int64_t>(place));
      }
    }
    begin = end;
  }
  out.frames.read = [run, features, places = out.places](std::int64_t first, std::int64_t count) {
    std::vector<FrameRecordPtr> records;
    for (auto at = first; at < first + count;) {
      const auto place = places[static_cast<std::size_t>(at)];
      auto together = std::int64_t{1};
      while (at + together < first + count && places[static_cast<std::size_t>(at + together)] == place + together) {
        ++together;
      }
      auto some = run->records(place, together, features);
      records.insert(records.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
      at += together;
    }
    return records;
  };
  return out;
}

FrameRecordPtr with_features(const FrameRecord& record, const FrameRecord& original) {
  auto out = std::make_shared<FrameRecord>(record);
  for (auto& probe : out->exits) {
    const auto* const same = original.probe_at(probe.layer);
    if (probe.feature.empty() && same) probe.feature = same->feature;
  }
  if (out->predecessor.feature.empty()) out->predecessor.feature = original.predecessor.feature;
  return out;
}

FrameRecordPtr without_features(const FrameRecord& record) {
  auto out = std::make_shared<FrameRecord>(record);
  for (auto& probe : out->exits) probe.feature = {};
  out->predecessor.feature = {};
  return out;
}

bool has_features(const FrameRecord& record) {
  return std::any_of(record.exits.begin(), record.exits.end(),
                     [](const ExitProbe& probe) { return !probe.feature.empty(); });
}

}  // namespace deer
