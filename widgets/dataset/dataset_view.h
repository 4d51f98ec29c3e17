// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTimer>
#include <QWidget>
#include <optional>
#include <vector>

#include "sessions/session/session.h"

class QCheckBox;
class QLabel;
class QProgressBar;
class QPushButton;
class QSplitter;
class QStackedLayout;
class QTableView;

namespace deer {

class DatasetMatchModel;
class DatasetModel;
class DatasetStudy;
class Debugger;
class EmptyState;
class ExitHistogram;
class ExpressionEdit;

/// The dataset at a glance: a sortable row an episode (or task) with what runs came to over it, a filter over all
/// frames, a histogram of exits, and the button that runs every episode in the background.
class DatasetView : public QWidget {
  Q_OBJECT

 public:
  /// `session`, `study` and `debugger`, which checks expressions, must outlive it.
  DatasetView(Session* session, DatasetStudy* study, Debugger* debugger, QWidget* parent = nullptr);

  QTableView* table() const { return table_; }
  DatasetModel* model() const { return model_; }
  QTableView* match_table() const { return match_table_; }
  ExpressionEdit* filter() const { return filter_; }
  ExitHistogram* histogram() const { return histogram_; }
  QPushButton* run_button() const { return run_; }
  QCheckBox* group_box() const { return group_; }
  QCheckBox* flips_box() const { return flips_; }
  QString summary() const;  ///< the line below the table

 Q_SIGNALS:
  void open_dataset_requested();
  void run_again_requested();  ///< every episode was run: a new run would replace the trace
  void csv_requested();

 protected:
  void showEvent(QShowEvent* event) override;
  void hideEvent(QHideEvent* event) override;

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void build_table();
  QWidget* build_side();
  QWidget* build_bar();
  void refresh_rows();
  void refresh_state();
  void update_columns();
  void click_run();
  void open_row(int row);
  void go_to(std::size_t episode, qint64 frame);
  void arrive();
  void set_where(const QString& expression);
  void follow_policy();

  Session* session_;
  DatasetStudy* study_;
  DatasetModel* model_;
  DatasetMatchModel* match_model_;
  QTableView* table_;
  QTableView* match_table_;
  ExpressionEdit* filter_;
  ExitHistogram* histogram_;
  QPushButton* run_;
  QProgressBar* progress_;
  QCheckBox* group_;
  QCheckBox* flips_;
  QLabel* summary_;
  QLabel* match_label_;
  QWidget* matches_;
  EmptyState* empty_;
  QStackedLayout* stack_;
  QTimer refresh_;                  ///< figures change often while traces are read
  QTimer policy_;                   ///< after the last of several changes
  std::vector<int> column_widths_;  ///< unless the user has changed them
  int sorted_by_ = -1;
  Qt::SortOrder sort_order_ = Qt::AscendingOrder;
  std::optional<qint64> frame_to_show_;  ///< once the episode is open
};

}  // namespace deer
