// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QElapsedTimer>
#include <QWidget>
#include <optional>
#include <vector>

#include "core/budget/cost_unit.h"

class QComboBox;
class QPushButton;
class QToolButton;

namespace deer {

class BudgetRow;

/// The limits of a budget, as sliders with their units, presets and the method that meets them. It shows a request and
/// what the solution comes to, and announces the requests that a person makes with it.
class BudgetControls : public QWidget {
  Q_OBJECT

 public:
  explicit BudgetControls(QWidget* parent = nullptr);

  /// The exits and costs that limits are chosen from. GFLOPs are for prompts of `prompt_tokens`.
  void show_costs(const ExitCosts& costs, int prompt_tokens);
  void show_request(const BudgetRequest& request);
  void show_solution(const BudgetSolution* solution);  ///< null: there is none
  /// `progress` 0 to 1 while milliseconds are measured.
  void show_measuring(std::optional<double> progress);
  QString method_name() const;

 Q_SIGNALS:
  /// Requests with the same `step` are of one drag.
  void request_made(const deer::BudgetRequest& request, quint64 step);
  void measuring_toggled();  ///< to start or to stop

 private:
  struct Preset;
  static const std::vector<Preset>& presets();

  void build_rows();
  void build_choices();
  void connect_row(BudgetRow* row);
  void change_average_unit();
  void change_peak_unit();
  void show_peak();
  void show_results();
  void show_preset();
  void use_preset(const Preset& preset);
  BudgetRequest request_of(const Preset& preset) const;
  void make_request();  ///< from what the controls show
  void begin_step(BudgetRow* row);
  CostUnit shown_average_unit() const;

  BudgetRow* average_ = nullptr;
  BudgetRow* peak_ = nullptr;
  BudgetRow* memory_ = nullptr;
  BudgetRow* latency_ = nullptr;
  QToolButton* presets_;
  QComboBox* method_;
  QPushButton* measure_;
  ExitCosts costs_;
  std::vector<CostUnit> average_units_;  ///< as the row lists them
  CostUnit peak_unit_ = CostUnit::layers;
  BudgetRequest request_;  ///< as shown
  std::optional<BudgetSolution> solution_;
  quint64 step_ = 0;
  BudgetRow* moved_ = nullptr;  ///< last
  QElapsedTimer moved_at_;
};

}  // namespace deer
