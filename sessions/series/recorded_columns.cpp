// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/series/recorded_columns.h"

#include <QCoreApplication>
#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <string>

namespace deer {
namespace {

struct ColumnText {
  Q_DECLARE_TR_FUNCTIONS(deer::RecordedColumn)
};

constexpr float kNoValue = std::numeric_limits<float>::quiet_NaN();

// CALVIN's robot_obs has no names of its own.
SeriesColumn robot_column(std::size_t index) {
  static constexpr std::array kNames = {"x", "y", "z", "roll", "pitch", "yaw", "gripper width"};
  if (index < kNames.size()) return {kNames[index], index < 3 || index == 6 ? "m" : "rad"};
  if (index < 14) return {"joint " + std::to_string(index - kNames.size() + 1), "rad"};
  return {"gripper command", {}};
}

std::span<const double> state_of(const Observation& seen) {
  if (!seen.state.empty()) return seen.state;
  if (seen.robot_obs) return *seen.robot_obs;
  return {};
}

float value_at(std::span<const double> values, std::size_t index) {
  return index < values.size() ? static_cast<float>(values[index]) : kNoValue;
}

}  // namespace

std::vector<RecordedColumn> recorded_columns(const SourceInfo& info, const Observation& seen) {
  std::vector<RecordedColumn> out;
  const auto states = state_of(seen);
  const bool named = states.size() == info.state_columns.size();
  for (std::size_t i = 0; i < states.size(); ++i) {
    const auto column = named                ? info.state_columns[i]
                        : seen.state.empty() ? robot_column(i)
                                             : SeriesColumn{"state " + std::to_string(i + 1), {}};
    out.push_back({QString::fromStdString(column.name), QString::fromStdString(column.unit), i});
  }
  const auto actions = recorded_action(seen);
  const auto layout = seen.rel_action ? ActionLayout::deer() : info.action_layout;
  const auto state_count = out.size();
  for (std::size_t i = 0; i < actions.size(); ++i) {
    const bool known = layout && i < layout->width();
    auto name = known ? QString::fromStdString(layout->dimensions()[i].name) : ColumnText::tr("action %1").arg(i + 1);
    // A position and the relative motion that is called like it are not one quantity.
    if (seen.rel_action) name = ColumnText::tr("action: %1").arg(name);
    const auto same = std::find_if(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(state_count),
                                   [&](const RecordedColumn& one) { return one.name == name; });
    if (same != out.begin() + static_cast<std::ptrdiff_t>(state_count) && same->action == RecordedColumn::kNone) {
      same->action = i;
    } else {
      const auto unit = known && !seen.rel_action ? QString::fromStdString(layout->dimensions()[i].unit) : QString();
      out.push_back({name, unit, RecordedColumn::kNone, i});
    }
  }
  return out;
}

float recorded_state(const RecordedColumn& column, const Observation& seen) {
  return value_at(state_of(seen), column.state);
}

float recorded_action(const RecordedColumn& column, const Observation& seen) {
  return value_at(recorded_action(seen), column.action);
}

}  // namespace deer
