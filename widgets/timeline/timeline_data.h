// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <vector>

#include "core/exits/frame_record.h"
#include "widgets/base/min_max_column.h"

namespace deer {

/// The depth of a run that this one is compared with, in layers by frame; NaN where it has none.
template <typename Depths>
struct TimelineRunOf {
  Depths depth;   ///< as long as the episode
  int color = 0;  ///< Theme::run_color()
};
using TimelineRun = TimelineRunOf<std::span<const float>>;

/// Data of the timeline by frame: the few numbers it needs from each record.
class TimelineData {
 public:
  /// Clears everything but the other runs, and keeps recorded actions if the number of frames and the layout are
  /// unchanged.
  void set_exits(qint64 frames, std::vector<int> exit_layers, ActionLayoutPtr layout);
  /// More frames of the same episode.
  void grow(qint64 frames);
  /// Clears everything.
  void reset(qint64 frames, std::vector<int> exit_layers, ActionLayoutPtr layout = ActionLayout::deer());
  void set_record(qint64 frame, const FrameRecord* record);         ///< null: no result
  void set_recorded(qint64 frame, std::span<const double> action);  ///< one step of the layout

  qint64 frames() const { return depth_.size(); }
  const std::vector<int>& exit_layers() const { return exit_layers_; }
  int exit_count() const { return static_cast<int>(exit_layers_.size()); }
  int exit_of_depth(int depth) const;  ///< -1 for a layer that is not an exit

  const MinMaxColumn& depth() const { return depth_; }
  /// Runs that this one is compared with; they outlast a change of the model.
  const std::vector<TimelineRunOf<MinMaxColumn>>& runs() const { return runs_; }
  void set_runs(const std::vector<TimelineRun>& runs);  ///< copies the values
  const MinMaxColumn& delta(int exit) const { return deltas_[static_cast<std::size_t>(exit)]; }
  /// Distance of the executed action from the deepest exit's, in the model's scale.
  const MinMaxColumn& regret() const { return regret_; }
  /// Mean cost over the evaluated frames so far; NaN where a frame is not evaluated. In layers, unless set_exit_costs()
  /// was called.
  const MinMaxColumn& mean_cost() const;
  /// Costs by exit, in any unit.
  void set_exit_costs(std::vector<double> costs);

  const ActionLayout& layout() const { return *layout_; }
  int dimensions() const { return static_cast<int>(layout_->width()); }
  bool is_deer_gripper(int dimension) const { return layout_->is_deer() && dimension + 1 == dimensions(); }
  /// In the dimension's unit, but DeeR's gripper as probability of opening. Of chunks the first step.
  const MinMaxColumn& predicted(int dimension) const { return predicted_[static_cast<std::size_t>(dimension)]; }
  const MinMaxColumn& recorded(int dimension) const { return recorded_[static_cast<std::size_t>(dimension)]; }
  /// Whether there is something to draw of it, or a model that will give it.
  bool has_action(int dimension) const { return exit_count() > 0 || recorded(dimension).all().count > 0; }

 private:
  std::vector<int> exit_layers_;
  MinMaxColumn depth_;
  std::vector<TimelineRunOf<MinMaxColumn>> runs_;
  std::vector<MinMaxColumn> deltas_;
  MinMaxColumn regret_;
  std::vector<double> exit_costs_;

  /// Cumulative over the frames.
  struct Spent {
    double sum = 0;
    qint64 frames = 0;
  };
  mutable MinMaxColumn mean_cost_;
  mutable std::vector<Spent> spent_;
  mutable qint64 spent_known_ = 0;  ///< number of frames for which they are valid
  double scale_of(std::size_t dimension) const;

  ActionLayoutPtr layout_ = ActionLayout::deer();
  std::vector<MinMaxColumn> predicted_ = std::vector<MinMaxColumn>(7);
  std::vector<MinMaxColumn> recorded_ = std::vector<MinMaxColumn>(7);
};

}  // namespace deer
