// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "core/budget/budget_solver.h"

namespace deer {

/// A solution's thresholds as a table: a row for each exit, with the share of samples that exit there. A threshold that
/// is entered, or whose box is ticked, is locked: solving leaves it alone. The model shows a solution and a request and
/// never changes them: entries are announced.
class BudgetThresholds : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kExit, kDepth, kThreshold, kShare, kLock, kColumnCount };

  using QAbstractTableModel::QAbstractTableModel;

  /// `solution` may be null. `locked`: one per exit, NaN: unlocked; may be empty.
  void set(const std::vector<int>& exit_layers, const BudgetSolution* solution, const std::vector<float>& locked);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;

 Q_SIGNALS:
  void locked(int exit_index, double threshold);
  void unlocked(int exit_index);
  void rejected(const QString& message);

 private:
  bool deepest(int row) const { return row + 1 == static_cast<int>(thresholds_.size()); }
  bool beyond(int row) const { return row >= static_cast<int>(thresholds_.size()); }
  bool is_locked(int row) const;

  std::vector<int> exit_layers_;
  std::vector<float> thresholds_;  ///< of the allowed exits
  std::vector<double> shares_;
  std::vector<float> locked_;
};

}  // namespace deer
