// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace deer {

/// What one number of an action moves.
enum class DimensionKind { position, rotation, joint, gripper, other };

std::string_view to_string(DimensionKind kind);
/// Empty if there is no kind of that name.
std::optional<DimensionKind> dimension_kind(std::string_view name);

struct ActionDimension {
  std::string name;  ///< as people read it, "left elbow"; no two of a layout share one
  std::string unit;  ///< of a value times `scale`, "mm"; may be empty
  DimensionKind kind = DimensionKind::other;
  double scale = 1;          ///< units in a stored value of 1
  double opens_above = 0.5;  ///< of a gripper: stored values above open it

  bool operator==(const ActionDimension&) const = default;
};

class ActionLayout;
using ActionLayoutPtr = std::shared_ptr<const ActionLayout>;

/// What the numbers of an action mean: named dimensions, and how many steps one prediction holds (a chunk). The
/// numbers of an action lie step after step, each with all dimensions. Never changes and is shared; thread-safe.
class ActionLayout {
 public:
  static constexpr std::size_t kMaxDimensions = 256;
  static constexpr std::size_t kMaxSteps = 1024;
  static constexpr std::size_t kMaxSize = std::size_t{1} << 14;  ///< numbers of an action

  /// Throws Error if there is no dimension other than grippers, or a name, number or size is no good.
  explicit ActionLayout(std::vector<ActionDimension> dimensions, std::size_t steps = 1);

  /// DeeR's action: x y z and the turns about them, relative and scaled to [-1, 1] as CALVIN's rel_actions, and the
  /// gripper as its probability of opening. In a command the gripper is +1 (open) or -1 (close).
  static const ActionLayoutPtr& deer();

  const std::vector<ActionDimension>& dimensions() const { return dimensions_; }
  std::size_t width() const { return dimensions_.size(); }  ///< numbers of a step
  std::size_t steps() const { return steps_; }
  std::size_t size() const { return dimensions_.size() * steps_; }
  bool is_deer() const { return is_deer_; }
  /// Whether an action is a motion of the hand that can be drawn in space; only DeeR's is known to be one.
  bool has_pose() const { return is_deer_; }

  /// Places in an action of all that is no gripper, over all steps: what distances between actions compare.
  std::span<const std::uint32_t> compared() const { return compared_; }
  /// The same in the first step alone.
  std::span<const std::uint32_t> compared_first() const {
    return std::span(compared_).first(compared_.size() / steps_);
  }
  /// Dimensions that are grippers.
  std::span<const std::uint32_t> grippers() const { return grippers_; }
  /// Whether this value of a gripper opens it.
  bool opens(std::size_t dimension, double value) const { return value > dimensions_[dimension].opens_above; }

  bool operator==(const ActionLayout& other) const {
    return steps_ == other.steps_ && dimensions_ == other.dimensions_;
  }

 private:
  std::vector<ActionDimension> dimensions_;
  std::size_t steps_ = 1;
  std::vector<std::uint32_t> compared_;
  std::vector<std::uint32_t> grippers_;
  bool is_deer_ = false;
};

}  // namespace deer
