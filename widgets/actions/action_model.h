// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <array>
#include <optional>
#include <vector>

#include "core/exits/frame_record.h"

namespace deer {

/// One frame's action as a table: seven rows (x y z in millimetres, rotations in degrees, gripper), a
/// column per exit, then executed, recorded and their difference.
class ActionModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Role {
    kBarRole = Qt::UserRole,  ///< double in [-1, 1], NaN for no bar
    kBarColorRole,            ///< QColor
    kTakenRole,               ///< bool: column of the exit taken
    kSelectedRole,            ///< bool: column of the selected exit
  };
  enum Row { kX, kY, kZ, kRotationX, kRotationY, kRotationZ, kGripper, kRowCount };

  using QAbstractTableModel::QAbstractTableModel;

  void set(std::vector<int> exit_layers, FrameRecordPtr record, std::optional<std::array<double, 7>> recorded);

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

  /// Physical size of a relative action of 1: 20 mm, or 1/20 rad in degrees.
  static double unit_scale(int row);

 private:
  double relative(int row, int column) const;  // in the model's units; NaN if unknown
  QString text(int row, int column) const;

  std::vector<int> exit_layers_;
  int selected_ = -1;
  FrameRecordPtr record_;
  std::optional<std::array<double, 7>> recorded_;
};

}  // namespace deer
