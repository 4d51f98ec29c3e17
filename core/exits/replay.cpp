// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/exits/replay.h"

namespace deer {

ReplayFrames ReplayFrames::of(std::span<const FrameRecordPtr> records) {
  ReplayFrames out;
  for (const auto& record : records) out.steps.push_back(record->step);
  out.read = [kept = std::vector(records.begin(), records.end())](std::int64_t first, std::int64_t count) {
    const auto begin = kept.begin() + first;
    return std::vector(begin, begin + count);
  };
  return out;
}

}  // namespace deer
