// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "sessions/debug/debugger.h"
#include "widgets/timeline/timeline_data.h"

namespace deer {

class Session;

/// Watches as a table: the expression, its value at the current (or hovered) frame, and its curve over the episode.
/// Edits go to the debugger at once.
class WatchModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kExpression, kValue, kCourse, kColumnCount };

  WatchModel(Session* session, Debugger* debugger, QObject* parent = nullptr);

  void add(const QString& expression);
  void remove(int row);
  const MinMaxColumn& course(int row) const { return courses_[static_cast<std::size_t>(row)]; }
  qint64 shown_frame() const;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;

 private:
  void start_anew();
  void take(qint64 first, qint64 last);

  Session* session_;
  Debugger* debugger_;
  std::vector<MinMaxColumn> courses_;
};

}  // namespace deer
