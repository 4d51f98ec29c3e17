// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "core/episodes/mapping.h"

namespace deer {

/// The columns of a dataset as rows, those of a state or an action checked and in its order. Names, units, scales and
/// offsets are edited in the cells.
class MappingColumns : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kSource, kName, kUnit, kScale, kOffset, kFirst, kColumnCount };

  explicit MappingColumns(const RecordingSchema& schema, QObject* parent = nullptr);

  /// `chosen` first, then the others as the dataset has them.
  void set(const std::vector<MappedColumn>& chosen);
  std::vector<MappedColumn> chosen() const;
  /// Chooses all columns of a series and no others.
  void choose_series(const std::string& name);
  /// The series that is chosen as a whole and alone; empty: another choice.
  std::string whole_series() const;
  /// The values of the first frame.
  void set_frame(RecordedFrame frame);

  /// Moves a row up (-1) or down (+1); false at the end.
  bool move(int row, int by);
  /// Values are shown in radians instead of the degrees that are stored.
  void turn_to_radians(const QList<int>& rows);
  /// Gives several rows what was entered for one.
  void set_cells(const QList<int>& rows, int column, const QVariant& value);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role = Qt::EditRole) override;

 Q_SIGNALS:
  void changed();
  void edited(const QModelIndex& index, const QVariant& value);  ///< a cell, by hand

 private:
  struct Row {
    MappedColumn column;
    bool chosen = false;
  };

  bool change(Row* row, int column, const QVariant& value) const;
  QString first_value(const MappedColumn& column) const;
  void note_change(int first, int last);

  RecordingSchema schema_;
  std::vector<MappedColumn> all_;
  std::vector<Row> rows_;
  RecordedFrame frame_;
  bool has_frame_ = false;
};

}  // namespace deer
