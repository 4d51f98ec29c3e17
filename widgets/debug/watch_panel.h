// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QStyledItemDelegate>
#include <QWidget>

class QTableView;

namespace deer {

class Debugger;
class ExpressionEdit;
class Session;
class WatchModel;

/// Draws a watch's curve: the extremes of every pixel's frames, and the cursor.
class CourseDelegate : public QStyledItemDelegate {
  Q_OBJECT

 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

/// Expressions over a frame's values, their value at the cursor and their curve over the episode.
class WatchPanel : public QWidget {
  Q_OBJECT

 public:
  WatchPanel(Session* session, Debugger* debugger, QWidget* parent = nullptr);

  WatchModel* model() const { return model_; }
  ExpressionEdit* edit() const { return edit_; }
  QTableView* table() const { return table_; }

 private:
  WatchModel* model_;
  ExpressionEdit* edit_;
  QTableView* table_;
};

}  // namespace deer
