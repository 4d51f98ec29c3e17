// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QtGlobal>
#include <array>
#include <limits>
#include <vector>

#include "core/exits/frame_record.h"

namespace deer {

/// Smallest and largest of a stretch of values, and how many there are; NaN counts as no value.
struct Extent {
  float min = std::numeric_limits<float>::quiet_NaN();
  float max = std::numeric_limits<float>::quiet_NaN();
  qint64 count = 0;

  void add(const Extent& other);
};

/// A value per frame with a pyramid of extents above it, so that the extremes of any stretch cost
/// the same however long it is.
class MinMaxColumn {
 public:
  void reset(qint64 frames);  ///< every value NaN
  void grow(qint64 frames);   ///< to so many; the new values are NaN
  void set(qint64 frame, float value);
  float at(qint64 frame) const { return values_[static_cast<std::size_t>(frame)]; }
  qint64 size() const { return static_cast<qint64>(values_.size()); }
  /// Of frames first to last, inclusive; both must be inside.
  Extent extent(qint64 first, qint64 last) const;
  Extent all() const { return size() > 0 ? extent(0, size() - 1) : Extent{}; }

 private:
  static constexpr qint64 kFan = 16;

  void update() const;
  Extent node(int level, qint64 place) const;

  std::vector<float> values_;
  mutable std::vector<std::vector<Extent>> levels_;  // levels_[0] holds the extents of 16 values each
  mutable qint64 dirty_first_ = 0;                   // values changed since the pyramid was built
  mutable qint64 dirty_last_ = -1;
};

/// What the timeline draws, by frame: the few numbers of each record, without the features.
class TimelineData {
 public:
  static constexpr int kDimensions = 7;
  static constexpr int kGripper = 6;

  /// Forgets everything but, for the same number of frames, what was recorded.
  void set_exits(qint64 frames, std::vector<int> exit_layers);
  /// More frames of the same episode.
  void grow(qint64 frames);
  /// Forgets everything.
  void reset(qint64 frames, std::vector<int> exit_layers);
  void set_record(qint64 frame, const FrameRecord* record);  ///< null: no result
  void set_recorded(qint64 frame, const std::array<double, 7>& action);

  qint64 frames() const { return depth_.size(); }
  const std::vector<int>& exit_layers() const { return exit_layers_; }
  int exit_count() const { return static_cast<int>(exit_layers_.size()); }
  int exit_of_depth(int depth) const;  ///< -1 for a layer that is not an exit

  const MinMaxColumn& depth() const { return depth_; }
  const MinMaxColumn& delta(int exit) const { return deltas_[static_cast<std::size_t>(exit)]; }
  /// Distance of the executed action from the deepest exit's, in the model's scale.
  const MinMaxColumn& regret() const { return regret_; }
  /// Mean over the evaluated frames so far of what leaving where they left costs; NaN where a frame is not evaluated.
  /// Layers, unless set_exit_costs() said something else.
  const MinMaxColumn& mean_cost() const;
  /// By exit, in whatever unit.
  void set_exit_costs(std::vector<double> costs);

  /// Position in mm, angles in degrees, gripper as probability of opening.
  const MinMaxColumn& predicted(int dimension) const { return predicted_[static_cast<std::size_t>(dimension)]; }
  const MinMaxColumn& recorded(int dimension) const { return recorded_[static_cast<std::size_t>(dimension)]; }

 private:
  std::vector<int> exit_layers_;
  MinMaxColumn depth_;
  std::vector<MinMaxColumn> deltas_;
  MinMaxColumn regret_;
  std::vector<double> exit_costs_;

  /// Of the frames up to each one.
  struct Spent {
    double sum = 0;
    qint64 frames = 0;
  };
  mutable MinMaxColumn mean_cost_;
  mutable std::vector<Spent> spent_;
  mutable qint64 spent_known_ = 0;  ///< frames for which they are up to date
  std::array<MinMaxColumn, kDimensions> predicted_;
  std::array<MinMaxColumn, kDimensions> recorded_;
};

}  // namespace deer
