// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/budget/calibration_view.h"

#include <QLabel>
#include <QStackedLayout>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <cmath>

#include "sessions/session/live_session.h"
#include "widgets/base/delta_scale.h"
#include "widgets/base/empty_state.h"
#include "widgets/base/number_format.h"
#include "widgets/base/series_plot.h"
#include "widgets/base/table_style.h"
#include "widgets/base/text_table.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kSideBySideWidth = 620;

QString share(double value) {
  return std::isnan(value) ? QString(QChar(0x2013)) : CalibrationView::tr("%1 %").arg(format_fixed(value * 100, 0));
}

}  // namespace

CalibrationView::CalibrationView(Session* session, CalibrationWatch* watch, QWidget* parent)
    : QWidget(parent),
      session_(session),
      watch_(watch),
      stack_(new QStackedLayout(this)),
      empty_(new EmptyState(this)),
      verdict_(new QLabel),
      plot_(new SeriesPlot),
      both_(new QBoxLayout(QBoxLayout::TopToBottom)) {
  setAccessibleName(tr("Calibration health"));
  setMinimumSize(240, 200);  // it changes its arrangement as it shrinks
  verdict_->setAccessibleName(tr("Verdict"));
  verdict_->setWordWrap(true);
  model_ = new TextTable(
      {{tr("exit"), tr("From shallow to deep."), true},
       {tr("distance"),
        tr("Kolmogorov–Smirnov distance between the deltas of this run and of the calibration set: the largest gap "
           "between the two shares of deltas up to some value. 0 is alike, 1 has nothing in common.")},
       {tr("limit"),
        tr("Beyond it the exit counts as drifted: at least 0.2, more for few frames and for frames that are alike.")},
       {tr("stops now"), tr("Share of this run’s deltas that are within the exit’s threshold.")},
       {tr("calibrated"), tr("The same share of the calibration set.")},
       {tr("median now"), tr("Of the deltas of this run.")},
       {tr("median set"), tr("Of the deltas of the calibration set.")}},
      this);
  table_ = model_->make_view(tr("Drift by exit"));
  show_columns_that_fit(table_, {0, 1, 2, 3, 4, 5, 6}, 5);
  table_->setMinimumHeight(96);
  plot_->setAccessibleName(tr("Quantiles of the deltas"));
  plot_->set_x_label(tr("share of frames, %"));
  plot_->yAxis->setScaleType(QCPAxis::stLogarithmic);
  auto ticker = QSharedPointer<QCPAxisTickerLog>::create();
  ticker->setSubTickCount(0);
  plot_->yAxis->setTicker(ticker);
  plot_->yAxis->setNumberFormat(QStringLiteral("g"));
  plot_->yAxis->setNumberPrecision(1);
  plot_->set_y_range(std::array{delta_scale::kLow / 10, delta_scale::kHigh});

  auto* content = new QWidget;
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(spacing::kMedium, spacing::kSmall, spacing::kMedium, spacing::kSmall);
  column->setSpacing(spacing::kSmall);
  column->addWidget(verdict_);
  both_->setSpacing(spacing::kSmall);
  both_->addWidget(table_, 1);
  both_->addWidget(plot_, 1);
  column->addLayout(both_, 1);
  stack_->addWidget(empty_);
  stack_->addWidget(content);

  connect(watch, &CalibrationWatch::changed, this, &CalibrationView::show_all);
  connect(&Theme::instance(), &Theme::changed, this, &CalibrationView::show_all);
  connect(session->selection(), &Selection::selected_exit_changed, this, &CalibrationView::show_curves);
  connect(table_->selectionModel(), &QItemSelectionModel::currentRowChanged, this, &CalibrationView::show_curves);
  connect(empty_, &EmptyState::action_triggered, this,
          [this] { offers_opening_ ? Q_EMIT open_calibration_requested() : session_->run_episode(); });
  show_all();
}

bool CalibrationView::is_empty() const { return stack_->currentIndex() == 0; }
QString CalibrationView::verdict() const { return verdict_->text(); }

int CalibrationView::shown_exit() const {
  const auto& health = watch_->health();
  if (health.empty()) return -1;
  const auto exits = static_cast<int>(health.size());
  if (const int row = table_->currentIndex().row(); row >= 0 && row < exits) return row;
  if (const int selected = session_->selection()->selected_exit(); selected >= 0 && selected < exits) return selected;
  // Nobody asked for one: the one that is farthest off.
  const auto worst = std::max_element(health.begin(), health.end(), [](const ExitHealth& a, const ExitHealth& b) {
    return std::isnan(a.distance) || a.distance < b.distance;
  });
  return static_cast<int>(worst - health.begin());
}

void CalibrationView::show_empty() {
  offers_opening_ = false;
  using State = CalibrationWatch::State;
  switch (watch_->state()) {
    case State::no_set:
      offers_opening_ = session_->model() != nullptr;
      empty_->set(EmptyState::Icon::chart,
                  tr("Open a calibration set of this model to see whether its deltas are still those of this run."),
                  offers_opening_ ? tr("Open calibration set…") : QString());
      break;
    case State::other_criterion:
      offers_opening_ = true;
      empty_->set(EmptyState::Icon::chart,
                  tr("The calibration set was made with another criterion than the active policy: their values "
                     "cannot be compared."),
                  tr("Open calibration set…"));
      break;
    case State::no_frames:
      empty_->set(EmptyState::Icon::chart, tr("Run all exits to compare their deltas with the calibration set’s."),
                  session_->frame_count() > 0 && !session_->live()->is_open() ? tr("Run all exits") : QString());
      break;
    case State::computing:
    case State::known:
      empty_->set(EmptyState::Icon::chart, tr("Comparing…"));
      break;
  }
  stack_->setCurrentIndex(0);
}

void CalibrationView::show_all() {
  if (watch_->state() != CalibrationWatch::State::known) return show_empty();
  const auto& health = watch_->health();
  const auto exits = static_cast<int>(health.size());
  std::vector<std::vector<TextTable::Cell>> rows;
  for (int exit = 0; exit < exits; ++exit) {
    const auto& one = health[static_cast<std::size_t>(exit)];
    const auto ink = one.drifted ? TextTable::Ink::warning : TextTable::Ink::text;
    const auto muted = TextTable::Ink::muted;
    constexpr auto kMiddle = ExitHealth::kQuantiles / 2;
    rows.push_back(
        {{tr("exit %1").arg(exit + 1), ink, exit, exits},
         {format_short(one.distance), ink, -1, 0,
          one.drifted ? tr("Farther than the limit: the thresholds were made for other deltas.") : QString()},
         {format_short(one.limit), muted},
         {share(one.seen_leaves)},
         {share(one.calibrated_leaves), muted},
         {format_short(static_cast<double>(one.seen_quantiles[kMiddle]))},
         {format_short(static_cast<double>(one.calibrated_quantiles[kMiddle])), muted}});
  }
  model_->set_rows(std::move(rows));

  const auto drifted = watch_->drifted();
  QStringList names;
  for (const int exit : drifted) names << QString::number(exit + 1);
  const auto frames = format_count(watch_->frames());
  const auto samples = format_count(health.front().calibrated);
  verdict_->setText(
      drifted.empty() ? tr("The deltas of %1 frames agree with the calibration set’s %2 samples.").arg(frames, samples)
      : drifted.size() == 1
          ? tr("Warning: the deltas of exit %1 have drifted from the calibration set. Thresholds made "
               "with it will not keep the budget; calibrate on data like this.")
                .arg(names.first())
          : tr("Warning: the deltas of exits %1 have drifted from the calibration set. Thresholds made "
               "with it will not keep the budget; calibrate on data like this.")
                .arg(names.join(QStringLiteral(", "))));
  auto palette = verdict_->palette();
  const auto& colors = Theme::instance().colors();
  palette.setColor(QPalette::WindowText, drifted.empty() ? colors.text : colors.warning);
  verdict_->setPalette(palette);
  show_curves();
  stack_->setCurrentIndex(1);
}

void CalibrationView::show_curves() {
  const int exit = shown_exit();
  if (exit < 0) return;
  const auto& health = watch_->health();
  const auto& one = health[static_cast<std::size_t>(exit)];
  using Ink = SeriesPlot::Ink;
  plot_->set_lines({{.name = tr("calibration set"), .ink = Ink::recorded, .width = 2},
                    {.name = tr("this run, exit %1").arg(exit + 1),
                     .ink = Ink::exit,
                     .exit = exit,
                     .exits = static_cast<int>(health.size()),
                     .width = 2},
                    {.name = tr("threshold"), .ink = Ink::muted, .style = Qt::DashLine}});
  std::array<float, ExitHealth::kQuantiles> shares{};
  for (std::size_t i = 0; i < shares.size(); ++i) shares[i] = static_cast<float>(i);
  plot_->set_points(0, shares, one.calibrated_quantiles);
  plot_->set_points(1, shares, one.seen_quantiles);
  const auto& thresholds = session_->policy().thresholds;
  const double threshold = static_cast<std::size_t>(exit) < thresholds.size() ? thresholds[std::size_t(exit)] : 0;
  const bool real = threshold > 0 && threshold < kAlwaysLeave;
  const std::array<float, 2> ends{0, 100};
  const std::array<float, 2> level{static_cast<float>(threshold), static_cast<float>(threshold)};
  plot_->set_points(2, ends, real ? std::span<const float>(level) : std::span<const float>());
  plot_->set_y_label(tr("delta of exit %1").arg(exit + 1));
  plot_->refresh();
}

void CalibrationView::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  both_->setDirection(width() >= kSideBySideWidth ? QBoxLayout::LeftToRight : QBoxLayout::TopToBottom);
}

}  // namespace deer
