// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/debug/frame_event.h"

#include <algorithm>
#include <cmath>

#include "core/exits/exit_policy.h"

namespace deer {
namespace {

std::int16_t place_of(int layer, const std::vector<int>& layers) {
  const auto found = std::find(layers.begin(), layers.end(), layer);
  return static_cast<std::int16_t>(found == layers.end() ? -1 : found - layers.begin());
}

bool compared(const ExitProbe& probe) {
  return !std::isnan(probe.delta) && !std::isnan(probe.threshold) &&
         std::abs(static_cast<double>(probe.threshold)) < kAlwaysLeave;
}

}  // namespace

void append_events(const FrameRecord& record, const FrameRecord* before, const std::vector<int>& exit_layers,
                   std::vector<FrameEvent>& out) {
  FrameEvent event;
  event.frame = record.frame;
  event.exit = place_of(record.exit_layer, exit_layers);
  const auto add = [&](FrameEventKind kind, FrameEvent one) {
    one.kind = kind;
    out.push_back(one);
  };
  if (before && before->exit_layer != record.exit_layer) {
    auto change = event;
    change.other = place_of(before->exit_layer, exit_layers);
    add(FrameEventKind::exit_change, change);
  }
  for (const auto& probe : record.exits) {
    const auto* const last = before ? before->probe_at(probe.layer) : nullptr;
    if (!last || !compared(probe) || !compared(*last)) continue;
    if ((probe.delta <= probe.threshold) == (last->delta <= last->threshold)) continue;
    auto crossing = event;
    crossing.exit = place_of(probe.layer, exit_layers);
    crossing.value = probe.delta;
    crossing.limit = probe.threshold;
    add(FrameEventKind::threshold_crossing, crossing);
  }
  const auto& layout = *record.layout;
  for (const auto gripper : layout.grippers()) {
    if (!before || before->command.size() != record.command.size() || before->opens(gripper) == record.opens(gripper))
      continue;
    auto flip = event;
    flip.value = record.action.size() > gripper ? record.action[gripper] : kNotEvaluated;
    flip.dimension = static_cast<std::int16_t>(gripper);
    add(record.opens(gripper) ? FrameEventKind::gripper_opens : FrameEventKind::gripper_closes, flip);
  }
  if (record.reason == ExitReason::forced) add(FrameEventKind::forced, event);
}

}  // namespace deer
