// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <span>
#include <vector>

#include "core/exits/frame_record.h"

namespace deer {

/// One frame's action as a table: a row for each dimension of its layout (DeeR: x y z in millimetres, rotations in
/// degrees, gripper), a column per exit, then executed, recorded and their difference. Of a chunk, one step.
class ActionModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Role {
    kBarRole = Qt::UserRole,  ///< double in [-1, 1], NaN for no bar
    kBarColorRole,            ///< QColor
    kTakenRole,               ///< bool: column of the exit taken
    kSelectedRole,            ///< bool: column of the selected exit
  };
  enum Row { kX, kY, kZ, kRotationX, kRotationY, kRotationZ, kGripper };  ///< of DeeR's layout

  using QAbstractTableModel::QAbstractTableModel;

  /// `recorded`: of the chunk's first step; empty: none. A null record leaves the layout as it is.
  void set(std::vector<int> exit_layers, FrameRecordPtr record, std::span<const double> recorded);

  const ActionLayout& layout() const { return *layout_; }
  /// Of the chunk, from 0.
  void set_step(std::size_t step);
  std::size_t step() const { return step_; }

  /// -1: none.
  void set_selected(int exit_index);

  int exit_count() const { return static_cast<int>(exit_layers_.size()); }
  int executed_column() const { return exit_count(); }
  int recorded_column() const { return exit_count() + 1; }
  int error_column() const { return exit_count() + 2; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  double stored(int row, int column) const;  // NaN if unknown
  double bar(int row, int column) const;
  QString text(int row, int column) const;
  QString gripper_text(int row, int column) const;  // DeeR's
  bool is_deer_gripper(int row) const { return layout_->is_deer() && row == kGripper; }
  const ActionDimension& dimension(int row) const { return layout_->dimensions()[static_cast<std::size_t>(row)]; }

  std::vector<int> exit_layers_;
  int selected_ = -1;
  FrameRecordPtr record_;
  std::vector<double> recorded_;
  ActionLayoutPtr layout_ = ActionLayout::deer();
  std::size_t step_ = 0;
};

}  // namespace deer
