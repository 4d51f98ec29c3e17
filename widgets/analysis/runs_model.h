// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "sessions/runs/kept_runs.h"

namespace deer {

class RunSummary;
class RunTally;

/// The open run in the first row, once it has results, and the kept runs below it: shown or not, colour, name, figures.
class RunsModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kName, kColor, kBaseline, kDepth, kSaving, kDistance, kDetails, kColumnCount };

  /// `session` must outlive it.
  explicit RunsModel(Session* session, QObject* parent = nullptr);

  KeptRuns* kept() const { return kept_; }
  const KeptRun* run(int row) const;    ///< null: the open run
  int row_of(const QString& id) const;  ///< -1: none

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;

 private:
  struct Row {
    QString id;
    QString name;
    bool checked = false;

    bool operator==(const Row&) const = default;
  };

  void refresh();
  RunFigures open_figures() const;
  QString text(const KeptRun* run, int column) const;
  QVariant tip(const KeptRun* run, int column) const;

  Session* session_;
  KeptRuns* kept_;
  RunTally* tally_;
  RunSummary* summary_;
  bool has_open_ = false;
  std::vector<Row> rows_;  ///< kept runs, as listed
};

}  // namespace deer
