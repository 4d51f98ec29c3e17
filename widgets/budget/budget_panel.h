// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "sessions/analysis/budget.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QPushButton;
class QTableView;
class QTimer;
class QToolButton;

namespace deer {

class BudgetRow;
class BudgetThresholds;
class EmptyState;
class ExitHistogram;
class ParetoPlot;

/// What a person can afford, by sliders that move together; the thresholds that follow; what they are expected to
/// do (estimate, from the calibration set) and what they did on the episode (exact, by replay).
class BudgetPanel : public QWidget {
  Q_OBJECT

 public:
  BudgetPanel(Session* session, Budget* budget, QWidget* parent = nullptr);

  Budget* budget() const { return budget_; }
  BudgetThresholds* thresholds() const { return thresholds_; }
  ParetoPlot* plot() const { return plot_; }
  QString headline() const;
  QString estimate_text() const;
  QString exact_text() const;
  QString message() const;

  /// Puts the thresholds in force a moment after each change. On unless set.
  void set_applies_while_moving(bool applies);

 Q_SIGNALS:
  void open_model_requested();
  void open_calibration_requested();
  void save_thresholds_requested();
  void load_thresholds_requested();

 private:
  enum Average { kAverageDepth, kAverageGflops, kAverageMs };
  enum Peak { kPeakDepth, kPeakGflops };

  void build_rows();
  void build_result();
  QWidget* build_buttons();
  void show_page();
  void show_costs();
  void show_request();
  void show_solution();
  void show_exact();
  void show_curves();
  void show_measuring();
  void ask();  ///< the sliders, as a request
  void take_preset(int index);
  void lock(int exit, double threshold);
  void keep_point();
  void restyle();
  void set_message(const QString& message);
  std::vector<double> average_costs() const;

  Session* session_;
  Budget* budget_;
  EmptyState* empty_;
  QWidget* content_;
  QComboBox* presets_;
  QComboBox* method_;
  BudgetRow* average_;
  BudgetRow* peak_;
  BudgetRow* memory_;
  BudgetRow* latency_;
  QPushButton* measure_;
  QLabel* headline_;
  QLabel* estimate_;
  QLabel* exact_;
  QLabel* origin_;
  QLabel* message_;
  ExitHistogram* histogram_;
  BudgetThresholds* thresholds_;
  QTableView* table_;
  ParetoPlot* plot_;
  QCheckBox* follow_;
  QPushButton* apply_;
  QTimer* apply_later_;
  QTimer* exact_later_;
  bool showing_ = false;  // controls are being set from the request
  bool asked_ = false;    // the person moved something since the set was opened
};

}  // namespace deer
