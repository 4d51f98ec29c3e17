// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/budget/budget_controls.h"

#include <QComboBox>
#include <QMenu>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "sessions/session/policy_undo.h"
#include "widgets/base/budget_text.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/budget/budget_row.h"

namespace deer {
namespace {

constexpr qint64 kSameStepMs = 1000;  // between two turns of a wheel or presses of a key

bool same_limits(const BudgetRequest& a, const BudgetRequest& b) {
  return a.average_depth == b.average_depth && a.average_gflops == b.average_gflops && a.average_ms == b.average_ms &&
         a.max_layer == b.max_layer && a.peak_gflops == b.peak_gflops && a.peak_ms == b.peak_ms &&
         a.memory_bytes == b.memory_bytes;
}

/// The deepest stop that `value` allows.
std::size_t stop_of(double value, const std::vector<double>& stops) {
  const auto above = std::upper_bound(stops.begin(), stops.end(), value * (1 + 1e-9));
  return static_cast<std::size_t>(std::max<std::ptrdiff_t>(1, above - stops.begin()) - 1);
}

}  // namespace

struct BudgetControls::Preset {
  QString name;  ///< short enough for the button
  QString text;
  double peak_share = 0;    ///< of the layers; 0: no limit
  double average_part = 0;  ///< of them, divided by this
};

const std::vector<BudgetControls::Preset>& BudgetControls::presets() {
  static const std::vector<Preset> all = {
      {tr("No limits"), tr("No limits"), 0, 0},
      // The paper's pairs of peak and average (figure 3).
      {tr("DeeR-B"), tr("DeeR-B: at most half the layers, a fifth on average"), 1.0 / 2, 5.2},
      {tr("DeeR-S"), tr("DeeR-S: at most a sixth of the layers"), 1.0 / 6, 6.5},
      {tr("½ average"), tr("Half the average compute"), 0, 2},
      {tr("⅓ average"), tr("A third of the average compute"), 0, 3},
      {tr("⅕ average"), tr("A fifth of the average compute"), 0, 5},
  };
  return all;
}

BudgetControls::BudgetControls(QWidget* parent)
    : QWidget(parent), presets_(new QToolButton), method_(new QComboBox), measure_(new QPushButton) {
  build_rows();
  build_choices();
  auto* const column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(spacing::kSmall);
  auto* const choices = new QHBoxLayout;
  choices->setSpacing(spacing::kSmall);
  choices->addWidget(presets_, 1);
  choices->addWidget(method_, 1);
  column->addLayout(choices);
  for (auto* const row : {average_, peak_, memory_, latency_}) column->addWidget(row);
  column->addWidget(measure_, 0, Qt::AlignTrailing);
  show_costs({}, 0);
  show_measuring(std::nullopt);
}

void BudgetControls::build_rows() {
  average_ = new BudgetRow(tr("Average"), tr("Limit on the mean cost of a step over the calibration set."));
  peak_ = new BudgetRow(tr("Peak"), tr("Limit on the most expensive step: bounds the deepest exit."));
  memory_ = new BudgetRow(tr("Memory"), tr("Weights, activations and workspace of a model without deeper layers."));
  latency_ = new BudgetRow(tr("Latency"), tr("Milliseconds of the slowest step, as measured on this device."));
  memory_->set_formatter(format_bytes);
  latency_->set_formatter([](double ms) { return BudgetText::cost(ms, CostUnit::milliseconds); });
  for (auto* const row : {average_, peak_, memory_, latency_}) connect_row(row);
  connect(average_, &BudgetRow::unit_changed, this, &BudgetControls::change_average_unit);
  connect(peak_, &BudgetRow::unit_changed, this, &BudgetControls::change_peak_unit);
}

void BudgetControls::connect_row(BudgetRow* row) {
  connect(row, &BudgetRow::drag_started, this, [this, row] {
    moved_ = nullptr;
    begin_step(row);
  });
  connect(row, &BudgetRow::value_changed, this, [this, row] {
    begin_step(row);
    make_request();
  });
}

void BudgetControls::build_choices() {
  presets_->setAccessibleName(tr("Preset"));
  presets_->setToolTip(tr("The paper's settings, as shares of this model."));
  presets_->setPopupMode(QToolButton::InstantPopup);
  presets_->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
  auto* const menu = new QMenu(presets_);
  for (const auto& preset : presets()) {
    menu->addAction(preset.text, this, [this, preset] { use_preset(preset); });
  }
  presets_->setMenu(menu);

  method_->setAccessibleName(tr("How thresholds are chosen"));
  method_->setToolTip(
      tr("The distribution of frames over exits (the paper's is exponential), or the thresholds with the least action "
         "error found."));
  method_->addItem(tr("Exponential"), int(ThresholdMethod::exponential));
  method_->addItem(tr("Gaussian"), int(ThresholdMethod::gaussian));
  method_->addItem(tr("Gamma"), int(ThresholdMethod::gamma));
  method_->addItem(tr("Least error"), int(ThresholdMethod::optimal));
  method_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  method_->setMinimumContentsLength(8);
  connect(method_, &QComboBox::activated, this, [this] {
    begin_step(nullptr);
    make_request();
  });
  measure_->setToolTip(tr("Runs a second copy of the model on random images, one exit after another."));
  connect(measure_, &QPushButton::clicked, this, &BudgetControls::measuring_toggled);
}

CostUnit BudgetControls::shown_average_unit() const {
  const auto place = static_cast<std::size_t>(std::max(0, average_->unit()));
  return place < average_units_.size() ? average_units_[place] : CostUnit::layers;
}

void BudgetControls::show_costs(const ExitCosts& costs, int prompt_tokens) {
  const auto unit = shown_average_unit();
  costs_ = costs;
  average_units_ = {CostUnit::layers};
  QStringList names = {BudgetText::unit(CostUnit::layers)};
  for (const auto more : {CostUnit::gflops, CostUnit::milliseconds}) {
    if (costs_in(more, costs_).empty()) continue;
    average_units_.push_back(more);
    names << BudgetText::unit(more);
  }
  average_->set_units(names);
  const auto place = std::find(average_units_.begin(), average_units_.end(), unit);
  average_->set_unit(place == average_units_.end() ? 0 : static_cast<int>(place - average_units_.begin()));
  average_->setToolTip(tr("Limit on the mean cost of a step over the calibration set. GFLOPs are those of the language "
                          "model, a multiply-add counted as one, for a prompt of %1 tokens.")
                           .arg(prompt_tokens));

  const auto layers = BudgetText::unit(CostUnit::layers);
  if (costs_.llm_gflops.empty()) peak_unit_ = CostUnit::layers;
  peak_->set_units(costs_.llm_gflops.empty() ? QStringList{layers}
                                             : QStringList{layers, BudgetText::unit(CostUnit::gflops)});

  std::vector<double> bytes;
  for (const auto& use : costs_.memory) bytes.push_back(static_cast<double>(use.total()));
  bytes.empty() ? memory_->set_unknown(tr("model sizes not available")) : memory_->set_stops(bytes);
  costs_.milliseconds.empty() ? latency_->set_unknown(tr("not measured")) : latency_->set_stops(costs_.milliseconds);
  measure_->setEnabled(costs_.size() > 0);
  show_request(request_);
  show_measuring(std::nullopt);
}

void BudgetControls::show_request(const BudgetRequest& request) {
  request_ = request;
  const auto unit = average_unit(request);
  const auto most = average_in(unit, request);
  const auto place = std::find(average_units_.begin(), average_units_.end(), unit);
  if (most && place != average_units_.end()) average_->set_unit(static_cast<int>(place - average_units_.begin()));
  const auto shown = shown_average_unit();
  const auto range = costs_in(shown, costs_);
  if (!range.empty()) average_->set_range(range.front(), range.back());
  average_->set_formatter([shown](double value) { return BudgetText::cost(value, shown); });
  average_->set_value(shown == unit ? most : std::nullopt);

  if (request.peak_gflops) peak_unit_ = CostUnit::gflops;
  if (request.max_layer) peak_unit_ = CostUnit::layers;
  show_peak();
  if (!costs_.memory.empty()) memory_->set_value(request.memory_bytes);
  if (!costs_.milliseconds.empty()) latency_->set_value(request.peak_ms);
  method_->setCurrentIndex(method_->findData(int(request.method)));
  show_preset();
  show_results();
}

void BudgetControls::show_peak() {
  const auto unit = peak_unit_;
  peak_->set_unit(unit == CostUnit::gflops ? 1 : 0);
  peak_->set_formatter([unit](double value) { return BudgetText::cost(value, unit); });
  peak_->set_stops(costs_in(unit, costs_));
  peak_->set_value(request_.peak_gflops ? request_.peak_gflops
                   : request_.max_layer ? std::optional<double>(*request_.max_layer)
                                        : std::nullopt);
}

void BudgetControls::show_solution(const BudgetSolution* solution) {
  solution_ = solution ? std::optional(*solution) : std::nullopt;
  show_results();
}

void BudgetControls::show_results() {
  for (auto* const row : {average_, peak_, memory_, latency_}) row->set_result({}, false);
  if (!solution_) return;
  const auto unmet = [&](std::initializer_list<Constraint> kinds) {
    return std::any_of(solution_->constraints.begin(), solution_->constraints.end(), [&](const ConstraintState& state) {
      return !state.met && std::find(kinds.begin(), kinds.end(), state.constraint) != kinds.end();
    });
  };
  const auto arrow = [](const QString& text) { return tr("→ %1").arg(text); };
  const auto unit = shown_average_unit();
  average_->set_result(arrow(BudgetText::cost(cost_in(unit, *solution_).mean, unit)),
                       unmet({Constraint::average_depth, Constraint::average_gflops, Constraint::average_ms}));
  peak_->set_result(arrow(BudgetText::cost(cost_in(peak_unit_, *solution_).peak, peak_unit_)),
                    unmet({Constraint::peak_gflops, Constraint::max_layer}));
  if (!costs_.memory.empty()) {
    memory_->set_result(arrow(format_bytes(static_cast<double>(solution_->memory.total()))),
                        unmet({Constraint::memory}));
  }
  if (!costs_.milliseconds.empty()) {
    latency_->set_result(arrow(BudgetText::cost(solution_->milliseconds.peak, CostUnit::milliseconds)),
                         unmet({Constraint::peak_ms}));
  }
}

void BudgetControls::show_measuring(std::optional<double> progress) {
  if (progress) {
    measure_->setText(tr("Stop measuring (%1 %)").arg(std::lround(100 * *progress)));
  } else {
    measure_->setText(costs_.milliseconds.empty() ? tr("Measure milliseconds") : tr("Measure again"));
  }
}

QString BudgetControls::method_name() const { return method_->currentText(); }

/// Another unit asks for what the solution comes to in it.
void BudgetControls::change_average_unit() {
  const auto unit = shown_average_unit();
  const bool limited = average_in(average_unit(request_), request_).has_value();
  const double got = solution_ ? cost_in(unit, *solution_).mean : std::numeric_limits<double>::quiet_NaN();
  auto request = request_;
  set_average(request, unit, limited && std::isfinite(got) ? std::optional(got) : std::nullopt);
  show_request(request);
  if (!limited) return;
  begin_step(nullptr);
  Q_EMIT request_made(request_, step_);
}

/// The same exit, in another unit.
void BudgetControls::change_peak_unit() {
  const auto before = costs_in(peak_unit_, costs_);
  const auto value = peak_->value();
  peak_unit_ = peak_->unit() == 1 ? CostUnit::gflops : CostUnit::layers;
  const auto stops = costs_in(peak_unit_, costs_);
  if (!value || before.empty() || stops.size() != before.size()) return show_request(request_);
  const double most = stops[stop_of(*value, before)];
  auto request = request_;
  request.max_layer.reset();
  request.peak_gflops.reset();
  if (peak_unit_ == CostUnit::gflops) {
    request.peak_gflops = most;
  } else {
    request.max_layer = static_cast<int>(std::lround(most));
  }
  show_request(request);
  begin_step(nullptr);
  Q_EMIT request_made(request_, step_);
}

/// A drag, or keys and wheel on one row in quick succession, are one step.
void BudgetControls::begin_step(BudgetRow* row) {
  const bool continues = row && row == moved_ && (row->slider_down() || moved_at_.elapsed() < kSameStepMs);
  if (!continues) step_ = PolicyUndo::new_step();
  moved_ = row;
  moved_at_.start();
}

void BudgetControls::make_request() {
  set_average(request_, shown_average_unit(), average_->value());
  request_.max_layer.reset();
  request_.peak_gflops.reset();
  const auto peak = peak_->value();
  if (peak_unit_ == CostUnit::gflops) {
    request_.peak_gflops = peak;
  } else if (peak) {
    request_.max_layer = static_cast<int>(std::lround(*peak));
  }
  request_.memory_bytes = memory_->value();
  request_.peak_ms = latency_->value();
  request_.method = ThresholdMethod(method_->currentData().toInt());
  show_preset();
  Q_EMIT request_made(request_, step_);
}

BudgetRequest BudgetControls::request_of(const Preset& preset) const {
  BudgetRequest request;
  request.method = request_.method;
  if (costs_.size() == 0) return request;
  const auto layers = static_cast<double>(costs_.exit_layers.back() + 1);
  const int first = costs_.exit_layers.front() + 1;  // at least the first exit must remain
  if (preset.peak_share > 0) {
    request.max_layer = std::max(static_cast<int>(std::lround(layers * preset.peak_share)), first);
  }
  if (preset.average_part > 0) {
    request.average_depth = std::max(layers / preset.average_part, static_cast<double>(first));
  }
  return request;
}

void BudgetControls::use_preset(const Preset& preset) {
  show_request(request_of(preset));
  begin_step(nullptr);
  Q_EMIT request_made(request_, step_);
}

/// The button names the preset while its limits are those of the request.
void BudgetControls::show_preset() {
  const auto holds = [this](const Preset& preset) { return same_limits(request_of(preset), request_); };
  const auto found = std::find_if(presets().begin(), presets().end(), holds);
  presets_->setText(found == presets().end() ? tr("Preset") : found->name);
}

}  // namespace deer
