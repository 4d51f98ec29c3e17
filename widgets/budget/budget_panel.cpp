// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/budget/budget_panel.h"

#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QGuiApplication>
#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QPushButton>
#include <QScopedValueRollback>
#include <QScrollArea>
#include <QStackedLayout>
#include <QTableView>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>
#include <cmath>
#include <limits>

#include "sessions/base/paths.h"
#include "widgets/base/empty_state.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/budget/budget_row.h"
#include "widgets/budget/budget_thresholds.h"
#include "widgets/budget/pareto_plot.h"
#include "widgets/exits/exit_histogram.h"

namespace deer {
namespace {

constexpr int kApplyDelay = 150;  // milliseconds of rest before thresholds take effect
constexpr double kGiga = 1e9;
constexpr double kMega = 1e6;

/// As tall as its rows.
class FittedTable : public QTableView {
 public:
  using QTableView::QTableView;
  QSize sizeHint() const override {
    const int rows = model() ? model()->rowCount() : 0;
    return {240, horizontalHeader()->sizeHint().height() + rows * verticalHeader()->defaultSectionSize() + 2};
  }
  QSize minimumSizeHint() const override { return {120, sizeHint().height()}; }
};

QString bytes_text(double bytes) {
  return bytes >= kGiga ? format_quantity(bytes / kGiga, QStringLiteral("GB"))
                        : format_quantity(bytes / kMega, QStringLiteral("MB"));
}

/// The share of the language model's work that is saved, as how many times less it is.
QString saving_text(double saving) {
  if (saving < 0.005) return BudgetPanel::tr("the whole language model");
  return BudgetPanel::tr("%1 × less language model").arg(format_number(1 / std::max(1e-9, 1 - saving)));
}

}  // namespace

BudgetPanel::BudgetPanel(Session* session, Budget* budget, QWidget* parent)
    : QWidget(parent),
      session_(session),
      budget_(budget),
      empty_(new EmptyState),
      content_(new QWidget),
      presets_(new QComboBox),
      method_(new QComboBox),
      measure_(new QPushButton),
      headline_(new QLabel),
      estimate_(new QLabel),
      exact_(new QLabel),
      origin_(new QLabel),
      message_(new QLabel),
      histogram_(new ExitHistogram),
      thresholds_(new BudgetThresholds(this)),
      table_(new FittedTable),
      plot_(new ParetoPlot),
      follow_(new QCheckBox(tr("Apply while moving"))),
      apply_(new QPushButton(tr("Apply"))),
      apply_later_(new QTimer(this)),
      exact_later_(new QTimer(this)) {
  setAccessibleName(tr("Budget"));
  build_rows();
  build_result();

  auto* const inner = new QWidget;
  auto* const column = new QVBoxLayout(inner);
  column->setContentsMargins(spacing::kMedium, spacing::kSmall, spacing::kMedium, spacing::kSmall);
  column->setSpacing(spacing::kSmall);
  auto* const choices = new QHBoxLayout;
  choices->setSpacing(spacing::kSmall);
  choices->addWidget(presets_, 1);
  choices->addWidget(method_, 1);
  column->addLayout(choices);
  for (auto* const row : {average_, peak_, memory_, latency_}) column->addWidget(row);
  column->addWidget(measure_, 0, Qt::AlignTrailing);
  column->addWidget(message_);
  column->addSpacing(spacing::kTiny);
  column->addWidget(headline_);
  column->addWidget(estimate_);
  column->addWidget(exact_);
  column->addWidget(histogram_);
  column->addWidget(table_);
  column->addWidget(plot_);
  column->addWidget(origin_);
  column->addStretch(1);

  auto* const scroll = new QScrollArea;
  scroll->setWidget(inner);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  auto* const content_layout = new QVBoxLayout(content_);
  content_layout->setContentsMargins(0, 0, 0, 0);
  content_layout->setSpacing(0);
  content_layout->addWidget(scroll, 1);
  content_layout->addWidget(build_buttons());  // in reach however low the panel is
  auto* const stack = new QStackedLayout(this);
  stack->addWidget(empty_);
  stack->addWidget(content_);

  apply_later_->setSingleShot(true);
  apply_later_->setInterval(kApplyDelay);
  connect(apply_later_, &QTimer::timeout, this, [this] {
    if (follow_->isChecked()) budget_->apply();
  });
  exact_later_->setSingleShot(true);
  exact_later_->setInterval(50);
  connect(exact_later_, &QTimer::timeout, this, &BudgetPanel::show_exact);

  connect(empty_, &EmptyState::action_triggered, this, [this] {
    const bool there = session_->model() && !session_->model_missing();
    there ? Q_EMIT open_calibration_requested() : Q_EMIT open_model_requested();
  });
  connect(budget_, &Budget::set_changed, this, [this] {
    asked_ = false;
    show_page();
    show_costs();
    show_request();
  });
  connect(budget_, &Budget::request_changed, this, &BudgetPanel::show_request);
  connect(budget_, &Budget::solution_changed, this, &BudgetPanel::show_solution);
  connect(budget_, &Budget::curves_changed, this, &BudgetPanel::show_curves);
  connect(budget_, &Budget::measuring_changed, this, &BudgetPanel::show_measuring);
  const auto later = qOverload<>(&QTimer::start);
  connect(budget_, &Budget::reality_changed, exact_later_, later);
  connect(session_, &Session::episode_changed, exact_later_, later);
  connect(session_, &Session::policy_changed, exact_later_, later);
  connect(session_, &Session::activity_changed, exact_later_, later);
  connect(session_, &Session::model_changed, this, &BudgetPanel::show_page);
  connect(&Theme::instance(), &Theme::changed, this, &BudgetPanel::restyle);
  restyle();
  show_page();
  show_costs();
  show_request();
  show_solution();
  show_curves();
  show_measuring();
}

void BudgetPanel::build_rows() {
  average_ = new BudgetRow(tr("Average"), tr("What a step may cost on average over the calibration set."));
  peak_ = new BudgetRow(tr("Peak"), tr("What the costliest step may take: bounds the deepest exit."));
  memory_ =
      new BudgetRow(tr("Memory"), tr("Weights, activations and workspace of a model that keeps no deeper layers."));
  latency_ = new BudgetRow(tr("Latency"), tr("Milliseconds of the costliest step, as measured on this device."));
  peak_->set_units({tr("layers"), tr("GFLOPs")});
  memory_->set_formatter(bytes_text);
  latency_->set_formatter([](double ms) { return format_quantity(ms, QStringLiteral("ms")); });
  for (auto* const row : {average_, peak_, memory_, latency_}) {
    connect(row, &BudgetRow::value_changed, this, &BudgetPanel::ask);
  }
  // Another unit asks for the same share of what there is.
  connect(average_, &BudgetRow::unit_changed, this, [this] {
    const auto before = budget_->request();
    show_costs();
    const auto costs = average_costs();
    if (const auto* const solution = budget_->solution(); solution && average_->value() && !costs.empty()) {
      const double got = average_->unit() == kAverageDepth    ? solution->depth.mean
                         : average_->unit() == kAverageGflops ? solution->llm_gflops.mean
                                                              : solution->milliseconds.mean;
      average_->set_value(std::isfinite(got) ? std::optional<double>(got) : std::nullopt);
    }
    if (before.average_depth || before.average_gflops || before.average_ms) ask();
  });
  connect(peak_, &BudgetRow::unit_changed, this, [this] {
    show_costs();
    show_request();
  });

  presets_->setAccessibleName(tr("Preset"));
  presets_->setToolTip(tr("The paper's settings, as shares of this model."));
  presets_->addItems({tr("Preset…"), tr("No limits"), tr("DeeR-B: half the layers"),
                      tr("DeeR-S: a sixth of the layers"), tr("Average: 2 × less"), tr("Average: 3 × less"),
                      tr("Average: 5 × less")});
  connect(presets_, &QComboBox::activated, this, &BudgetPanel::take_preset);
  method_->setAccessibleName(tr("How thresholds are chosen"));
  method_->setToolTip(
      tr("The family that the shares of the exits follow (the paper's is exponential), or the thresholds with the "
         "least action error that were found."));
  method_->addItem(tr("Exponential"), int(ThresholdMethod::exponential));
  method_->addItem(tr("Gaussian"), int(ThresholdMethod::gaussian));
  method_->addItem(tr("Gamma"), int(ThresholdMethod::gamma));
  method_->addItem(tr("Least error"), int(ThresholdMethod::optimal));
  connect(method_, &QComboBox::activated, this, &BudgetPanel::ask);
  for (auto* const combo : {presets_, method_}) {
    combo->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    combo->setMinimumContentsLength(8);
  }
  measure_->setFlat(true);
  connect(measure_, &QPushButton::clicked, this,
          [this] { budget_->measuring() ? budget_->cancel_measuring() : budget_->measure_timings(); });
}

void BudgetPanel::build_result() {
  const auto& theme = Theme::instance();
  headline_->setFont(Theme::number_font(theme.title_font()));
  headline_->setAccessibleName(tr("Predicted mean depth"));
  estimate_->setAccessibleName(tr("Estimate"));
  exact_->setAccessibleName(tr("Exact"));
  origin_->setAccessibleName(tr("Where the calibration set comes from"));
  message_->setAccessibleName(tr("What cannot be met"));
  for (auto* const label : {estimate_, exact_, origin_}) label->setFont(Theme::number_font(theme.label_font()));
  for (auto* const label : {headline_, estimate_, exact_, origin_, message_}) label->setWordWrap(true);
  message_->hide();

  table_->setModel(thresholds_);
  table_->setAccessibleName(tr("Thresholds of the budget"));
  table_->verticalHeader()->hide();
  table_->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + spacing::kSmall);
  table_->setShowGrid(false);
  table_->setSelectionMode(QAbstractItemView::SingleSelection);
  table_->setEditTriggers(QAbstractItemView::DoubleClicked | QAbstractItemView::SelectedClicked |
                          QAbstractItemView::EditKeyPressed | QAbstractItemView::AnyKeyPressed);
  table_->setTabKeyNavigation(false);
  table_->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  table_->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  table_->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
  for (const int section : {BudgetThresholds::kExit, BudgetThresholds::kDepth, BudgetThresholds::kLock}) {
    table_->horizontalHeader()->setSectionResizeMode(section, QHeaderView::ResizeToContents);
  }
  table_->horizontalHeader()->setHighlightSections(false);
  table_->horizontalHeader()->setMinimumSectionSize(24);
  Theme::instance().style_view(table_);
  connect(thresholds_, &BudgetThresholds::locked, this, &BudgetPanel::lock);
  connect(thresholds_, &BudgetThresholds::freed, this,
          [this](int exit) { lock(exit, std::numeric_limits<double>::quiet_NaN()); });
  connect(thresholds_, &BudgetThresholds::rejected, this, &BudgetPanel::set_message);
}

QWidget* BudgetPanel::build_buttons() {
  auto* const buttons = new QWidget;
  auto* const row = new QHBoxLayout(buttons);
  row->setContentsMargins(spacing::kMedium, spacing::kSmall, spacing::kMedium, spacing::kSmall);
  row->setSpacing(spacing::kSmall);
  follow_->setChecked(true);
  follow_->setToolTip(tr("Off: sliders only estimate, until Apply is pressed."));
  connect(follow_, &QCheckBox::toggled, this, [this](bool on) {
    apply_->setEnabled(!on && budget_->policy());
    if (on && asked_) apply_later_->start();
  });
  connect(apply_, &QPushButton::clicked, this, [this] { budget_->apply(); });
  auto* const more = new QToolButton;
  more->setText(tr("Thresholds"));
  more->setAccessibleName(tr("Save, load or copy thresholds"));
  more->setPopupMode(QToolButton::InstantPopup);
  auto* const menu = new QMenu(more);
  menu->addAction(tr("Save…"), this, &BudgetPanel::save_thresholds_requested);
  menu->addAction(tr("Load…"), this, &BudgetPanel::load_thresholds_requested);
  menu->addAction(tr("Copy the reference's arguments"), this,
                  [this] { QGuiApplication::clipboard()->setText(budget_->reference_line()); });
  menu->addAction(tr("Free all"), this, [this] {
    auto request = budget_->request();
    request.locked.clear();
    asked_ = true;
    budget_->set_request(request);
  });
  menu->addSeparator();
  menu->addAction(tr("Keep this point in the plot"), this, &BudgetPanel::keep_point);
  menu->addAction(tr("Open calibration set…"), this, &BudgetPanel::open_calibration_requested);
  more->setMenu(menu);
  connect(budget_, &Budget::frozen_changed, this, [this](bool frozen) {
    follow_->setEnabled(!frozen);
    follow_->setToolTip(frozen ? tr("The thresholds in force are frozen: sliders only estimate.")
                               : tr("Off: sliders only estimate, until Apply is pressed."));
    show_solution();
  });
  row->addWidget(apply_);
  row->addWidget(follow_);
  row->addStretch(1);
  row->addWidget(more);
  return buttons;
}

void BudgetPanel::show_page() {
  const auto* const model = session_->model();
  const bool missing = session_->model_missing();
  const bool ready = model && !missing && budget_->set();
  if (!model) {
    empty_->set(EmptyState::Icon::model, tr("Open a model to turn a budget into thresholds."), tr("Open model…"));
  } else if (!model->layout->is_deer()) {
    empty_->set(EmptyState::Icon::model,
                tr("Budgets need a DeeR model. The actions of this recording are not those of one."));
  } else if (missing) {
    empty_->set(EmptyState::Icon::model,
                tr("The model of this trace is missing. Open it to turn a budget into thresholds."), tr("Open model…"));
  } else if (budget_->opening()) {
    empty_->set(EmptyState::Icon::chart, tr("Reading the calibration set…"));
  } else if (!ready) {
    empty_->set(EmptyState::Icon::chart,
                tr("Open a calibration set to turn a budget into thresholds. deer calibrate makes one."),
                tr("Open calibration set…"));
  }
  if (ready) {
    origin_->setText(tr("Calibration set: %1").arg(budget_->set_origin()));
    origin_->setToolTip(to_qstring(budget_->calibration_file()));
  }
  static_cast<QStackedLayout*>(layout())->setCurrentIndex(ready ? 1 : 0);
}

std::vector<double> BudgetPanel::average_costs() const {
  const auto& costs = budget_->costs();
  if (average_->unit() == kAverageGflops) return costs.llm_gflops;
  if (average_->unit() == kAverageMs) return costs.milliseconds;
  std::vector<double> depths;
  for (const int layer : costs.exit_layers) depths.push_back(layer + 1.0);
  return depths;
}

void BudgetPanel::show_costs() {
  const QScopedValueRollback showing(showing_, true);
  const auto& costs = budget_->costs();
  QStringList units = {tr("layers")};
  if (!costs.llm_gflops.empty()) units << tr("GFLOPs");
  if (!costs.milliseconds.empty()) units << tr("ms");
  average_->set_units(units);
  const auto average = average_costs();
  if (!average.empty()) average_->set_range(average.front(), average.back());
  const auto unit = average_->unit();
  average_->set_formatter([unit](double value) {
    return format_quantity(value, unit == kAverageDepth    ? tr("layers")
                                  : unit == kAverageGflops ? tr("GFLOPs")
                                                           : tr("ms"));
  });
  average_->setToolTip(
      tr("What a step may cost on average over the calibration set. GFLOPs are the language model's, a "
         "multiply-add counted as one, for a prompt of %1 tokens.")
          .arg(budget_->prompt_tokens()));

  std::vector<double> peaks = costs.llm_gflops;
  if (peak_->unit() == kPeakDepth || peaks.empty()) {
    peaks.clear();
    for (const int layer : costs.exit_layers) peaks.push_back(layer + 1.0);
  }
  const bool depth = peak_->unit() == kPeakDepth;
  peak_->set_units(costs.llm_gflops.empty() ? QStringList{tr("layers")} : QStringList{tr("layers"), tr("GFLOPs")});
  peak_->set_formatter([depth](double value) { return format_quantity(value, depth ? tr("layers") : tr("GFLOPs")); });
  peak_->set_stops(peaks);

  std::vector<double> bytes;
  for (const auto& use : costs.memory) bytes.push_back(static_cast<double>(use.total()));
  bytes.empty() ? memory_->set_unknown(tr("the model's sizes are not known")) : memory_->set_stops(bytes);
  costs.milliseconds.empty() ? latency_->set_unknown(tr("not measured yet")) : latency_->set_stops(costs.milliseconds);
  show_measuring();
}

void BudgetPanel::show_measuring() {
  const bool known = !budget_->costs().milliseconds.empty();
  measure_->setVisible(session_->model() != nullptr);
  if (budget_->measuring()) {
    measure_->setText(tr("Stop measuring (%1 %)").arg(std::lround(100 * budget_->measuring_progress())));
  } else {
    measure_->setText(known ? tr("Measure again") : tr("Measure milliseconds"));
  }
  measure_->setToolTip(tr("Runs a second copy of the model on random pictures, for each exit in turn."));
}

void BudgetPanel::show_request() {
  const QScopedValueRollback showing(showing_, true);
  const auto& request = budget_->request();
  const auto unit = request.average_gflops ? kAverageGflops : request.average_ms ? kAverageMs : kAverageDepth;
  if (request.average_gflops || request.average_ms || request.average_depth) {
    if (average_->unit() != unit) {
      average_->set_unit(unit);
      show_costs();
    }
    average_->set_value(unit == kAverageGflops ? request.average_gflops
                        : unit == kAverageMs   ? request.average_ms
                                               : request.average_depth);
  } else {
    average_->set_value(std::nullopt);
  }
  if (request.peak_gflops) {
    if (peak_->unit() != kPeakGflops) {
      peak_->set_unit(kPeakGflops);
      show_costs();
    }
    peak_->set_value(request.peak_gflops);
  } else if (request.max_layer) {
    if (peak_->unit() != kPeakDepth) {
      peak_->set_unit(kPeakDepth);
      show_costs();
    }
    peak_->set_value(static_cast<double>(*request.max_layer));
  } else {
    peak_->set_value(std::nullopt);
  }
  if (!budget_->costs().memory.empty()) memory_->set_value(request.memory_bytes);
  if (!budget_->costs().milliseconds.empty()) latency_->set_value(request.peak_ms);
  method_->setCurrentIndex(method_->findData(int(request.method)));
}

void BudgetPanel::ask() {
  if (showing_) return;
  asked_ = true;
  set_message({});
  auto request = budget_->request();
  request.average_depth.reset();
  request.average_gflops.reset();
  request.average_ms.reset();
  request.max_layer.reset();
  request.peak_gflops.reset();
  auto& average = average_->unit() == kAverageGflops ? request.average_gflops
                  : average_->unit() == kAverageMs   ? request.average_ms
                                                     : request.average_depth;
  average = average_->value();
  const auto peak = peak_->value();
  if (peak_->unit() == kPeakGflops) {
    request.peak_gflops = peak;
  } else if (peak) {
    request.max_layer = static_cast<int>(std::lround(*peak));
  }
  request.memory_bytes = memory_->value();
  request.peak_ms = latency_->value();
  request.method = ThresholdMethod(method_->currentData().toInt());
  if (request.method == ThresholdMethod::optimal && budget_->set() && budget_->set()->errors.empty()) {
    set_message(tr("This calibration set has no action errors: make a new one with deer calibrate."));
    show_request();
    return;
  }
  budget_->set_request(request);
}

void BudgetPanel::take_preset(int index) {
  const auto* const model = session_->model();
  presets_->setCurrentIndex(0);
  if (!model || index <= 0) return;
  asked_ = true;
  set_message({});
  BudgetRequest request;
  request.method = budget_->request().method;
  const auto layers = static_cast<double>(model->exit_layers.back() + 1);
  const auto peak = [&](double share) {
    // At least the first exit must remain.
    request.max_layer = std::max(static_cast<int>(std::lround(layers * share)), model->exit_layers.front() + 1);
  };
  if (index == 2) peak(1.0 / 2);
  if (index == 3) peak(1.0 / 6);
  if (index == 4) request.average_depth = layers / 2;
  if (index == 5) request.average_depth = layers / 3;
  if (index == 6) request.average_depth = layers / 5;
  if (request.average_depth) {
    request.average_depth = std::max(*request.average_depth, model->exit_layers.front() + 1.0);
  }
  budget_->set_request(request);
}

void BudgetPanel::lock(int exit, double threshold) {
  auto request = budget_->request();
  request.locked.resize(session_->model()->exit_layers.size(), std::numeric_limits<float>::quiet_NaN());
  request.locked[static_cast<std::size_t>(exit)] = static_cast<float>(threshold);
  asked_ = true;
  set_message({});
  budget_->set_request(request);
}

void BudgetPanel::show_solution() {
  const auto* const model = session_->model();
  const auto* const solution = budget_->solution();
  thresholds_->set(model ? model->exit_layers : std::vector<int>(), solution, budget_->request().locked);
  table_->updateGeometry();
  apply_->setEnabled(!follow_->isChecked() && !budget_->frozen() && budget_->policy().has_value());
  if (!model || !solution) {
    histogram_->set_counts({}, false);
    headline_->setText(budget_->solving() ? tr("Solving…") : QString());
    estimate_->clear();
    plot_->set_estimate(std::nullopt);
    return;
  }
  std::vector<qint64> counts(model->exit_layers.size(), 0);
  for (std::size_t i = 0; i < solution->counts.size(); ++i) counts[i] = solution->counts[i];
  histogram_->set_counts(counts, false);
  headline_->setText(
      tr("Mean depth %1 of %2").arg(format_number(solution->depth.mean)).arg(model->exit_layers.back() + 1));
  estimate_->setText(tr("Estimate: %1, %2 calibration samples%3")
                         .arg(saving_text(solution->saving), format_count(solution->samples),
                              budget_->solving() ? tr("; searching on…") : QString()));
  if (!solution->feasible)
    set_message(QString::fromStdString(solution->problem));
  else if (asked_)
    set_message({});

  const auto state = [&](std::initializer_list<Constraint> kinds) {
    for (const auto& one : solution->constraints) {
      if (std::find(kinds.begin(), kinds.end(), one.constraint) != kinds.end() && !one.met) return true;
    }
    return false;
  };
  const auto& mean = average_->unit() == kAverageGflops ? solution->llm_gflops
                     : average_->unit() == kAverageMs   ? solution->milliseconds
                                                        : solution->depth;
  average_->set_result(tr("gives %1").arg(format_number(mean.mean)),
                       state({Constraint::average_depth, Constraint::average_gflops, Constraint::average_ms}));
  const auto& peak = peak_->unit() == kPeakGflops ? solution->llm_gflops : solution->depth;
  peak_->set_result(tr("gives %1").arg(format_number(peak.peak)),
                    state({Constraint::peak_gflops, Constraint::max_layer}));
  if (!budget_->costs().memory.empty()) {
    memory_->set_result(tr("takes %1").arg(bytes_text(static_cast<double>(solution->memory.total()))),
                        state({Constraint::memory}));
  }
  if (!budget_->costs().milliseconds.empty()) {
    latency_->set_result(tr("takes %1").arg(format_quantity(solution->milliseconds.peak, tr("ms"))),
                         state({Constraint::peak_ms}));
  }
  const bool in_gflops = budget_->request().average_gflops && !budget_->costs().llm_gflops.empty();
  plot_->set_estimate(
      ParetoPlot::Point{in_gflops ? solution->llm_gflops.mean : solution->depth.mean, solution->mean_error, {}});
  if (asked_ && follow_->isChecked()) apply_later_->start();
  show_exact();
}

void BudgetPanel::show_exact() {
  exact_later_->stop();
  const auto* const model = session_->model();
  if (!model || !budget_->set()) return;
  const auto& theme = Theme::instance();
  const auto reality = budget_->reality();
  const bool in_gflops = budget_->request().average_gflops && !budget_->costs().llm_gflops.empty();
  if (!budget_->applied()) {
    exact_->setText(budget_->solution() ? tr("Other thresholds are in force.") : QString());
    plot_->set_exact(std::nullopt);
  } else if (reality.frames == 0) {
    exact_->setText(tr("In force. Run all exits to see what it does on this episode."));
    plot_->set_exact(std::nullopt);
  } else if (!session_->records_current() || budget_->counting()) {
    exact_->setText(tr("Applying to %1 frames…").arg(format_count(reality.frames)));
  } else {
    const double full = model->exit_layers.back() + 1;
    QString text = tr("Exact: mean depth %1, %2, %3 frames of this episode")
                       .arg(format_number(reality.mean_depth), saving_text(1 - reality.mean_depth / full),
                            format_count(reality.frames));
    if (std::isfinite(reality.mean_error)) text += tr("; error %1").arg(format_number(reality.mean_error));
    exact_->setText(text);
    plot_->set_exact(
        ParetoPlot::Point{in_gflops ? reality.mean_llm_gflops : reality.mean_depth, reality.mean_error, {}});
  }
  auto palette = exact_->palette();
  palette.setColor(QPalette::WindowText, theme.colors().text);
  exact_->setPalette(palette);
}

void BudgetPanel::show_curves() {
  const bool in_gflops = budget_->request().average_gflops && !budget_->costs().llm_gflops.empty();
  plot_->set_axes(in_gflops ? tr("GFLOPs a step") : tr("layers a step"), tr("action error"));
  const auto& curves = budget_->curves();
  plot_->setVisible(!curves.family.empty() || !curves.optimal.empty());
  plot_->set_curves(curves.family, curves.optimal, method_->currentText().toLower());
}

void BudgetPanel::keep_point() {
  const auto* const solution = budget_->solution();
  if (!solution || !std::isfinite(solution->mean_error)) return;
  const bool in_gflops = budget_->request().average_gflops && !budget_->costs().llm_gflops.empty();
  auto points = plot_->saved();
  points.push_back({in_gflops ? solution->llm_gflops.mean : solution->depth.mean, solution->mean_error,
                    tr("point %1, %2").arg(points.size() + 1).arg(method_->currentText().toLower())});
  plot_->set_saved(std::move(points));
}

void BudgetPanel::set_applies_while_moving(bool applies) { follow_->setChecked(applies); }

void BudgetPanel::set_message(const QString& message) {
  message_->setText(message);
  message_->setVisible(!message.isEmpty());
}

void BudgetPanel::restyle() {
  const auto& colors = Theme::instance().colors();
  const auto ink = [](QLabel* label, const QColor& color) {
    auto palette = label->palette();
    palette.setColor(QPalette::WindowText, color);
    label->setPalette(palette);
  };
  ink(estimate_, colors.muted_text);
  ink(origin_, colors.muted_text);
  ink(message_, colors.error);
}

QString BudgetPanel::headline() const { return headline_->text(); }
QString BudgetPanel::estimate_text() const { return estimate_->text(); }
QString BudgetPanel::exact_text() const { return exact_->text(); }
QString BudgetPanel::message() const { return message_->text(); }

}  // namespace deer
