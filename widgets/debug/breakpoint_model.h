// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>

#include "sessions/debug/debugger.h"

namespace deer {

/// Breakpoints as a table: enabled or not, the condition, and how many frames of the episode match, or the error. Edits
/// go to the debugger at once.
class BreakpointModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kCondition, kFrames, kColumnCount };

  explicit BreakpointModel(Debugger* debugger, QObject* parent = nullptr);

  void add(const QString& condition);
  void remove(int row);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;

 private:
  QString frames_text(std::size_t place) const;

  Debugger* debugger_;
  int rows_ = 0;
};

}  // namespace deer
