// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/action_layout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/base/error.h"

namespace deer {
namespace {

constexpr std::array<std::string_view, 5> kKinds = {"position", "rotation", "joint", "gripper", "other"};
constexpr std::size_t kLongestName = 64;  // bytes

std::vector<ActionDimension> deer_dimensions() {
  // CALVIN: relative action = metres x 50, radians x 20.
  constexpr double kMillimetres = 1000.0 / 50;
  constexpr double kDegrees = 180 / std::numbers::pi / 20;
  std::vector<ActionDimension> out;
  for (const char* name : {"x", "y", "z"}) out.push_back({name, "mm", DimensionKind::position, kMillimetres});
  for (const char* name : {"turn x", "turn y", "turn z"}) {
    out.push_back({name, "°", DimensionKind::rotation, kDegrees});
  }
  out.push_back({"gripper", "%", DimensionKind::gripper, 100});
  return out;
}

void check(const ActionDimension& one, std::size_t place) {
  const auto which = "dimension " + std::to_string(place) + " of an action";
  const auto is_text = [](const std::string& text) {
    return text.size() <= kLongestName &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= ' ' && c != 0x7F; });
  };
  if (one.name.empty() || !is_text(one.name)) {
    throw Error(which + " has no usable name: expected 1 to " + std::to_string(kLongestName) + " printable bytes");
  }
  if (!is_text(one.unit)) throw Error(which + " has no usable unit");
  if (!std::isfinite(one.scale) || one.scale == 0) throw Error(which + " has a scale of 0, or one that is no number");
  if (!std::isfinite(one.opens_above)) throw Error(which + " opens above what is no number");
}

}  // namespace

std::string_view to_string(DimensionKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

std::optional<DimensionKind> dimension_kind(std::string_view name) {
  const auto* const found = std::find(kKinds.begin(), kKinds.end(), name);
  if (found == kKinds.end()) return {};
  return static_cast<DimensionKind>(found - kKinds.begin());
}

ActionLayout::ActionLayout(std::vector<ActionDimension> dimensions, std::size_t steps)
    : dimensions_(std::move(dimensions)), steps_(steps) {
  if (dimensions_.empty() || dimensions_.size() > kMaxDimensions) {
    throw Error("an action has " + std::to_string(dimensions_.size()) + " dimensions, expected 1 to " +
                std::to_string(kMaxDimensions));
  }
  if (steps_ < 1 || steps_ > kMaxSteps || size() > kMaxSize) {
    throw Error("an action has " + std::to_string(steps_) + " steps of " + std::to_string(dimensions_.size()) +
                " numbers, expected 1 to " + std::to_string(kMaxSteps) + " steps and at most " +
                std::to_string(kMaxSize) + " numbers in all");
  }
  for (std::size_t i = 0; i < dimensions_.size(); ++i) {
    check(dimensions_[i], i);
    for (std::size_t before = 0; before < i; ++before) {
      if (dimensions_[before].name == dimensions_[i].name) {
        throw Error("two dimensions of an action are called '" + dimensions_[i].name + "'");
      }
    }
    if (dimensions_[i].kind == DimensionKind::gripper) grippers_.push_back(static_cast<std::uint32_t>(i));
  }
  for (std::size_t place = 0; place < size(); ++place) {
    const auto& dimension = dimensions_[place % dimensions_.size()];
    if (dimension.kind != DimensionKind::gripper) compared_.push_back(static_cast<std::uint32_t>(place));
  }
  if (compared_.empty()) throw Error("an action has grippers alone: there is nothing that could be compared");
  is_deer_ = steps_ == 1 && dimensions_ == deer_dimensions();
}

const ActionLayoutPtr& ActionLayout::deer() {
  static const ActionLayoutPtr layout = std::make_shared<const ActionLayout>(deer_dimensions());
  return layout;
}

}  // namespace deer
