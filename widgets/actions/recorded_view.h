// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>
#include <vector>

#include "sessions/series/recorded_columns.h"
#include "sessions/session/session.h"

class QLabel;
class QLineEdit;
class QListWidget;
class QStackedLayout;
class QTimer;
class QVBoxLayout;

namespace deer {

class EmptyState;
class EpisodeStates;
class SeriesPlot;

/// The recorded states and actions of any width over time, without a model: one plot for each column that is checked in
/// the list, the action over the state of the same name.
class RecordedView : public QWidget {
  Q_OBJECT

 public:
  static constexpr int kChecked = 4;     ///< columns of a new episode that are checked
  static constexpr int kMostPlots = 32;  ///< drawn at a time

  /// `session` must outlive the view.
  explicit RecordedView(Session* session, QWidget* parent = nullptr);

  QListWidget* list() const { return list_; }
  QLineEdit* filter() const { return filter_; }
  /// The visible plots, top to bottom.
  const std::vector<SeriesPlot*>& plots() const { return plots_; }

 Q_SIGNALS:
  void open_dataset_requested();

 protected:
  void showEvent(QShowEvent* event) override;

 private:
  void start_anew();
  std::vector<RecordedColumn> columns_in(qint64 first, qint64 last) const;
  void use(std::vector<RecordedColumn> columns);
  void check_all(bool checked);
  void show_matching();
  void rebuild();
  void take(qint64 first, qint64 last);
  void fill(qint64 first, qint64 last);
  void ask();
  void show_state();
  void follow();

  Session* session_;
  EpisodeStates* states_;
  std::vector<RecordedColumn> columns_;
  std::vector<RecordedColumn> listed_;  ///< those of the list: the last that were not empty
  EmptyState* empty_;
  QStackedLayout* stack_;
  QLineEdit* filter_;
  QListWidget* list_;
  QLabel* note_;
  QWidget* plot_stack_;
  QVBoxLayout* plot_column_;
  std::vector<SeriesPlot*> plots_;
  std::vector<std::size_t> shown_;  ///< column of each plot
  QTimer* drawing_;
  QTimer* asking_;  ///< once nothing more arrives, the rest of a long episode is asked for
  bool filling_ = false;
};

}  // namespace deer
