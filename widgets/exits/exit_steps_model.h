// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "core/budget/frame_steps.h"

namespace deer {

/// The exits of one frame as a table: one row per exit, shallow to deep. Shows the first seven dimensions of an action,
/// which are all of DeeR's; of a chunk the first step.
class ExitStepsModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column {
    kExit,
    kChange,
    kDelta,
    kThreshold,
    kWouldStop,
    kDecision,
    kDepth,
    kX,
    kY,
    kZ,
    kRotationX,
    kRotationY,
    kRotationZ,
    kGripper,
    kLlmGflops,
    kTotalGflops,
    kMilliseconds,
    kNextDifference,
    kColumnCount
  };

  using QAbstractTableModel::QAbstractTableModel;

  void set(std::vector<FrameStep> steps, ActionLayoutPtr layout = ActionLayout::deer());
  const ActionLayout& layout() const { return *layout_; }
  const std::vector<FrameStep>& steps() const { return steps_; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  /// "delta 0.0420 > threshold 0.0300: goes deeper".
  static QString why(const FrameStep& step);
  static QString decision_word(const FrameStep& step);

 private:
  QString text(const FrameStep& step, int column) const;

  /// The dimension of a column; null if it has none.
  const ActionDimension* dimension(int column) const;

  std::vector<FrameStep> steps_;
  ActionLayoutPtr layout_ = ActionLayout::deer();
};

}  // namespace deer
