// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "app/gui/dialogs/mapping_columns.h"

class QComboBox;
class QPushButton;
class QTableView;

namespace deer {

/// Chooses the columns of a state or an action.
class MappingPage : public QWidget {
  Q_OBJECT

 public:
  /// `title` names the controls: "State" or "Action".
  MappingPage(const QString& title, const RecordingSchema& schema, QWidget* parent = nullptr);

  MappingColumns* columns() const { return columns_; }
  QTableView* table() const { return table_; }

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  QList<int> selected_rows() const;
  void move(int by);
  void show_series();
  void update_buttons();

  MappingColumns* columns_;
  QComboBox* series_;
  QTableView* table_;
  QPushButton* up_;
  QPushButton* down_;
  QPushButton* radians_;
  bool spreading_ = false;  ///< an entry is being given to the other selected rows
};

}  // namespace deer
