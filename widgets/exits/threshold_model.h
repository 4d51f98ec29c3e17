// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "core/exits/exit_policy.h"

namespace deer {

/// The thresholds of a policy as a table: one row per exit. It shows a policy and never changes it: valid input is
/// reported by edited(), invalid input by rejected().
class ThresholdModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kExit, kDepth, kThreshold, kSuggested, kColumnCount };

  using QAbstractTableModel::QAbstractTableModel;

  void set(std::vector<int> exit_layers, std::vector<double> suggested, const ExitPolicy& policy);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;

 Q_SIGNALS:
  void edited(int exit_index, double threshold);
  void rejected(const QString& message);

 private:
  bool deepest_allowed(int row) const;
  bool beyond(int row) const;

  std::vector<int> exit_layers_;
  std::vector<double> suggested_;
  ExitPolicy policy_;
};

}  // namespace deer
