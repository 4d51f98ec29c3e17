// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "sessions/runs/kept_runs.h"

class QPoint;
class QPushButton;
class QStackedLayout;
class QTableView;

namespace deer {

class EmptyState;
class RunsModel;

/// The kept runs of the open episode and of live sources beside the open run: a check box shows one over the timeline
/// and in Compare; its name and colour can be changed.
class RunsView : public QWidget {
  Q_OBJECT

 public:
  /// `session` must outlive the view.
  explicit RunsView(Session* session, QWidget* parent = nullptr);

  QTableView* table() const { return table_; }
  RunsModel* model() const { return model_; }
  void begin_naming(const QString& id);  ///< selects the run and opens an editor on its name

 Q_SIGNALS:
  void keep_requested();
  void trace_requested();
  void remove_requested(const QString& id);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void click(const QModelIndex& index);
  void choose_color(const KeptRun& run, const QPoint& place);
  void show_menu(const QPoint& place);
  QString selected() const;  ///< id; empty: none, or the open run
  void update_state();

  Session* session_;
  RunsModel* model_;
  QTableView* table_;
  QPushButton* keep_;
  QPushButton* remove_;
  EmptyState* empty_;
  QStackedLayout* stack_;
};

}  // namespace deer
