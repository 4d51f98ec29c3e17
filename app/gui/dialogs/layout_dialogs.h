// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>
#include <vector>

#include "sessions/store/session_store.h"

class QLabel;
class QLineEdit;
class QListWidget;
class QPushButton;

namespace deer {

/// Why `name` is no valid layout name, in one sentence; empty if it is. `taken`: names already used.
QString layout_name_problem(const QString& name, const QStringList& taken);

/// Asks for the name of a layout that is to be saved.
class SaveLayoutDialog : public QDialog {
  Q_OBJECT

 public:
  /// `built_in`: titles that cannot be used. `saved`: layouts the name may replace.
  SaveLayoutDialog(QStringList built_in, const std::vector<NamedLayout>& saved, QWidget* parent);

  QString name() const;

 private:
  void update_note();

  QStringList built_in_;
  QStringList saved_;
  QLineEdit* name_;
  QLabel* note_;
  QPushButton* save_;
};

/// Renames, orders and deletes saved layouts. Nothing changes until it is accepted.
class ManageLayoutsDialog : public QDialog {
  Q_OBJECT

 public:
  ManageLayoutsDialog(QStringList built_in, std::vector<NamedLayout> saved, QWidget* parent);

  const std::vector<NamedLayout>& layouts() const { return layouts_; }

 Q_SIGNALS:
  void chosen(const QByteArray& layout, const QString& name);  ///< to apply now

 private:
  void fill(int current);
  void renamed(int row);
  void remove();
  void move(int rows);
  void update_buttons();

  QStringList built_in_;
  std::vector<NamedLayout> layouts_;
  QListWidget* list_;
  QLabel* note_;
  QPushButton* use_;
  QPushButton* rename_;
  QPushButton* remove_;
  QPushButton* up_;
  QPushButton* down_;
};

}  // namespace deer
