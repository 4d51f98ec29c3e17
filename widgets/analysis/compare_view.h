// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "sessions/analysis/comparison.h"

class QBoxLayout;
class QLabel;
class QStackedLayout;
class QTableView;
class QTimer;

namespace deer {

class EmptyState;
class SeriesPlot;
class TextTable;

/// The shown kept runs against the current one: depth over time, costs, and how far each is from the current run. One
/// of them is the baseline: its action difference over time, and the frames in which the two differ. One cursor for
/// all.
class CompareView : public QWidget {
  Q_OBJECT

 public:
  /// `comparison` must outlive the view.
  CompareView(Session* session, Comparison* comparison, QWidget* parent = nullptr);

  bool is_empty() const;
  QString frame_text() const;                    ///< both runs at the frame shown
  TextTable* totals() const { return totals_; }  ///< the current run, then the others
  QTableView* totals_table() const { return totals_table_; }
  TextTable* frames() const { return frames_; }
  QTableView* frame_table() const { return frame_table_; }
  SeriesPlot* depths() const { return depths_; }
  SeriesPlot* differences() const { return differences_; }
  Comparison* comparison() const { return comparison_; }

  static constexpr std::size_t kMostListed = 2000;

 protected:
  void resizeEvent(QResizeEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  void draw();
  void show_empty();
  void show_frame();
  void show_totals();
  void show_frames();
  void set_lines();

  Session* session_;
  Comparison* comparison_;
  QStackedLayout* stack_;
  EmptyState* empty_;
  QLabel* names_;
  QLabel* frame_;
  TextTable* totals_;
  TextTable* frames_;
  QTableView* totals_table_;
  QTableView* frame_table_;
  SeriesPlot* depths_;
  SeriesPlot* differences_;
  QBoxLayout* both_;
  QTimer* drawing_;
  std::vector<qint64> listed_;
};

}  // namespace deer
