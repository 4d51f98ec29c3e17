// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "sessions/analysis/calibration_watch.h"

class QBoxLayout;
class QLabel;
class QStackedLayout;
class QTableView;

namespace deer {

class EmptyState;
class SeriesPlot;
class TextTable;

/// Calibration health: the deltas of this run against those of the calibration set, exit by exit, as distance, as share
/// that stops, and as quantile curves of one exit.
class CalibrationView : public QWidget {
  Q_OBJECT

 public:
  /// `watch` must outlive the view.
  CalibrationView(Session* session, CalibrationWatch* watch, QWidget* parent = nullptr);

  QString verdict() const;  ///< the sentence on top
  TextTable* table_model() const { return model_; }
  SeriesPlot* plot() const { return plot_; }
  CalibrationWatch* watch() const { return watch_; }
  bool is_empty() const;
  int shown_exit() const;  ///< whose curves are drawn

 Q_SIGNALS:
  void open_calibration_requested();

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void show_all();
  void show_empty();
  void show_curves();

  Session* session_;
  CalibrationWatch* watch_;
  QStackedLayout* stack_;
  EmptyState* empty_;
  QLabel* verdict_;
  TextTable* model_;
  QTableView* table_;
  SeriesPlot* plot_;
  QBoxLayout* both_;
  bool offers_opening_ = false;
};

}  // namespace deer
