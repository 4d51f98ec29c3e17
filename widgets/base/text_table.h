// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <vector>

class QTableView;

namespace deer {

/// A table of ready-made texts, for views that only show numbers.
class TextTable : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum class Ink { text, muted, warning };

  struct Header {
    QString text;
    QString tip;
    bool words = false;  ///< aligned as text, not as a number
  };
  struct Cell {
    QString text;
    Ink ink = Ink::text;
    int exit = -1;  ///< an exit whose colour is shown before the text; -1: none
    int exits = 0;
    QString tip = {};
    int run = -1;  ///< a kept run whose colour is shown before the text: Theme::run_color(); -1: none
  };

  explicit TextTable(std::vector<Header> headers, QObject* parent = nullptr);

  void set_rows(std::vector<std::vector<Cell>> rows);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  /// A view of it: whole rows selected, no grid, columns as wide as their texts.
  QTableView* make_view(const QString& accessible_name);

 private:
  QVariant alignment(int column) const;

  std::vector<Header> headers_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace deer
