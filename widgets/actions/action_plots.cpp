// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/actions/action_plots.h"

#include <QComboBox>
#include <QElapsedTimer>
#include <QLabel>
#include <QScrollArea>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "sessions/frames/playback.h"
#include "sessions/series/record_slices.h"
#include "sessions/series/recorded_actions.h"
#include "widgets/actions/action_model.h"
#include "widgets/base/number_format.h"
#include "widgets/base/series_plot.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kDrawEveryMs = 120;
constexpr int kRests = 20;  // pause after drawing, relative to the drawing time
constexpr int kLeastHeight = 84;

}  // namespace

ActionPlots::ActionPlots(Session* session, QWidget* parent)
    : FrameView(session, tr("the actions over time"), parent),
      recorded_(new RecordedActions(session, this)),
      value_(new QComboBox),
      show_(new QComboBox),
      unit_(new QComboBox),
      summary_(new QLabel),
      stack_(new QWidget),
      column_(new QVBoxLayout(stack_)),
      drawing_(new QTimer(this)) {
  setAccessibleName(tr("Actions over time"));
  setMinimumSize(240, 200);  // the layout adapts to the size
  value_->setAccessibleName(tr("Value"));
  value_->addItems({tr("x"), tr("y"), tr("z"), tr("turn x"), tr("turn y"), tr("turn z"), tr("gripper"), tr("all seven"),
                    tr("arm error")});
  value_->setToolTip(tr("Action value to show. “arm error” combines the six arm values."));
  show_->setAccessibleName(tr("Show"));
  show_->addItems({tr("every exit"), tr("disagreement"), tr("error")});
  show_->setItemData(0, tr("One line per exit, over the recorded action."), Qt::ToolTipRole);
  show_->setItemData(1, tr("Range over all exits, with the executed action."), Qt::ToolTipRole);
  show_->setItemData(2, tr("Distance of each exit from the recorded action."), Qt::ToolTipRole);
  unit_->setAccessibleName(tr("Unit"));
  unit_->addItems({tr("mm, ° per step"), tr("model’s units")});
  unit_->setToolTip(tr("The model’s value of 1 is 20 mm or 1/20 rad (2.86°) per step."));
  summary_->setAccessibleName(tr("Mean error"));
  summary_->setFont(Theme::number_font(Theme::instance().label_font()));
  summary_->setWordWrap(true);

  column_->setContentsMargins(0, 0, 0, 0);
  column_->setSpacing(0);
  auto* content = new QWidget;
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(spacing::kMedium, spacing::kSmall, spacing::kMedium, spacing::kSmall);
  column->setSpacing(spacing::kSmall);
  auto* head = new QHBoxLayout;
  head->setSpacing(spacing::kSmall);
  for (auto* const box : {show_, value_, unit_}) {
    box->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    head->addWidget(box);
  }
  head->addWidget(summary_, 1);
  auto* scroll = new QScrollArea;
  scroll->setWidget(stack_);
  scroll->setWidgetResizable(true);
  scroll->setFrameShape(QFrame::NoFrame);
  column->addLayout(head);
  column->addWidget(scroll, 1);
  set_content(content);

  drawing_->setSingleShot(true);
  drawing_->setInterval(kDrawEveryMs);
  connect(drawing_, &QTimer::timeout, this, &ActionPlots::draw);
  for (auto* const box : {value_, show_, unit_}) {
    connect(box, &QComboBox::currentIndexChanged, this, &ActionPlots::rebuild);
  }
  connect(session, &Session::selected_exit_changed, this, &ActionPlots::rebuild);
  connect(recorded_, &RecordedActions::changed, this, [this](qint64 frame) {
    if (frame >= static_cast<qint64>(series_.frames())) return;
    series_.set_recorded(static_cast<std::size_t>(frame), recorded_->at(frame));
    stale(frame, frame);
    if (!drawing_->isActive()) drawing_->start();
  });
  const auto follow = [this] {
    for (auto* const plot : plots_)
      plot->set_frames(this->session()->current_frame(), this->session()->hovered_frame());
  };
  connect(session, &Session::current_frame_changed, this, follow);
  connect(session, &Session::hovered_frame_changed, this, follow);
  slices_ = new RecordSlices(session,
                             {.start_anew = [this](qint64 frames) { start_anew(frames); },
                              .grow = [this](qint64 frames) { series_.grow(static_cast<std::size_t>(frames)); },
                              .take =
                                  [this](qint64 frame, const FrameRecordPtr& record) {
                                    series_.set_record(static_cast<std::size_t>(frame), *record);
                                    stale(frame, frame);
                                  },
                              .taken =
                                  [this] {
                                    if (!drawing_->isActive()) drawing_->start();
                                  }},
                             this);
  slices_->start();
}

ActionPlots::~ActionPlots() = default;

void ActionPlots::set_value(int value) { value_->setCurrentIndex(value); }
void ActionPlots::set_show(Show show) { show_->setCurrentIndex(static_cast<int>(show)); }
void ActionPlots::set_raw(bool raw) { unit_->setCurrentIndex(raw ? 1 : 0); }
ActionPlots::Show ActionPlots::show_mode() const { return static_cast<Show>(show_->currentIndex()); }
std::vector<SeriesPlot*> ActionPlots::plots() const { return plots_; }

double ActionPlots::scale_of(int value) const {
  if (value == kArmError) return 1;
  const bool raw = unit_->currentIndex() == 1;
  if (value == ActionModel::kGripper) return raw ? 1 : 100;
  return raw ? 1 : ActionModel::unit_scale(value);
}

int ActionPlots::decimals_of(int value) const {
  if (scale_of(value) == 1) return 3;
  return value <= ActionModel::kZ ? 1 : value == ActionModel::kGripper ? 0 : 2;
}

QString ActionPlots::label_of(int value) const {
  if (value == kArmError) return tr("arm error");
  const bool raw = unit_->currentIndex() == 1;
  const auto name = value_->itemText(value);
  if (value == ActionModel::kGripper) return raw ? tr("gripper, 0 to 1") : tr("gripper, % open");
  if (raw) return tr("%1, −1 to 1").arg(name);
  return value <= ActionModel::kZ ? tr("%1, mm").arg(name) : tr("%1, °").arg(name);
}

void ActionPlots::start_anew(qint64 frames) {
  const auto* const model = session()->model();
  series_.reset(static_cast<std::size_t>(frames), model ? model->exit_layers : std::vector<int>{});
  for (qint64 frame = 0; frame < std::min(recorded_->frames(), frames); ++frame) {
    series_.set_recorded(static_cast<std::size_t>(frame), recorded_->at(frame));
  }
  rebuild();
}

void ActionPlots::rebuild() {
  const int value = value_->currentIndex();
  const bool all = value == kAll;
  values_.clear();
  for (int i = 0; i < kAll; ++i) {
    if (all || i == value) values_.push_back(i);
  }
  if (value == kArmError || (all && show_mode() == Show::error)) values_.insert(values_.begin(), kArmError);
  while (plots_.size() < values_.size()) {
    auto* const plot = new SeriesPlot(stack_);
    plot->setMinimumHeight(kLeastHeight);
    column_->addWidget(plot, 1);
    connect(plot, &SeriesPlot::frame_chosen, this, [this](qint64 frame) { session()->playback()->go_to(frame); });
    connect(plot, &SeriesPlot::frame_hovered, session(), &Session::set_hovered_frame);
    // All plots show the same range of frames.
    connect(plot->xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, [this, plot](const QCPRange& range) {
      for (auto* const other : plots_) {
        if (other == plot || other->xAxis->range() == range) continue;
        other->xAxis->setRange(range);
        other->replot(QCustomPlot::rpQueuedReplot);
      }
    });
    plots_.push_back(plot);
  }
  while (plots_.size() > values_.size()) {
    delete plots_.back();
    plots_.pop_back();
  }

  const auto exits = static_cast<int>(series_.exits());
  using Ink = SeriesPlot::Ink;
  for (std::size_t i = 0; i < plots_.size(); ++i) {
    // The arm error is always shown as an error.
    const auto mode = values_[i] == kArmError ? Show::error : show_mode();
    std::vector<SeriesPlot::Line> lines;
    if (mode == Show::disagreement) {
      lines.push_back({.name = tr("least"), .ink = Ink::shade, .in_legend = false});
      lines.push_back({.name = tr("most"), .ink = Ink::shade, .filled = true, .in_legend = false});
    }
    const int selected = session()->selected_exit();
    for (int exit = 0; exit < exits; ++exit) {
      if (mode == Show::disagreement && exit != selected) continue;
      lines.push_back({.name = tr("exit %1").arg(exit + 1),
                       .ink = Ink::exit,
                       .exit = exit,
                       .exits = exits,
                       .width = exit == selected ? 2.0 : 1.0});
    }
    if (mode == Show::disagreement) lines.push_back({.name = tr("executed"), .ink = Ink::accent});
    if (mode != Show::error) lines.push_back({.name = tr("recorded"), .ink = Ink::recorded, .width = 2});
    auto* const plot = plots_[i];
    plot->set_lines(std::move(lines));
    plot->set_legend_visible(i == 0);
    plot->set_y_label(mode == Show::error && values_[i] != kArmError ? tr("error in %1").arg(label_of(values_[i]))
                                                                     : label_of(values_[i]));
    plot->set_x_label(i + 1 == plots_.size() ? tr("frame") : QString());
    plot->set_decimals(decimals_of(values_[i]));
    plot->setAccessibleName(tr("%1 over time").arg(label_of(values_[i])));
  }
  stale(0, static_cast<qint64>(series_.frames()) - 1);
  draw();
}

void ActionPlots::stale(qint64 first, qint64 last) {
  const bool none = stale_last_ < stale_first_;
  stale_first_ = none ? first : std::min(stale_first_, first);
  stale_last_ = none ? last : std::max(stale_last_, last);
}

void ActionPlots::draw_value(SeriesPlot* plot, int value, qint64 first, qint64 last) {
  const auto mode = value == kArmError ? Show::error : show_mode();
  const auto scale = static_cast<float>(scale_of(value));
  const auto dimension = static_cast<std::size_t>(std::min(value, kAll - 1));
  std::size_t line = 0;
  const auto add_line = [&](const auto& value_at) {
    for (qint64 frame = first; frame <= last; ++frame) {
      plot->set_value(line, frame, scale * value_at(static_cast<std::size_t>(frame)));
    }
    ++line;
  };
  if (mode == Show::disagreement) {
    for (const std::size_t edge : {0, 1}) {
      add_line([&](std::size_t frame) { return series_.band(dimension, frame)[edge]; });
    }
  }
  for (std::size_t exit = 0; exit < series_.exits(); ++exit) {
    if (mode == Show::disagreement && static_cast<int>(exit) != session()->selected_exit()) continue;
    if (value == kArmError) {
      add_line([&](std::size_t frame) { return series_.arm_error(exit)[frame]; });
    } else if (mode == Show::error) {
      add_line([&](std::size_t frame) { return series_.error(exit, dimension, frame); });
    } else {
      add_line([&](std::size_t frame) { return series_.exit(exit, dimension)[frame]; });
    }
  }
  if (mode == Show::disagreement) add_line([&](std::size_t frame) { return series_.executed(dimension)[frame]; });
  if (mode != Show::error) add_line([&](std::size_t frame) { return series_.recorded(dimension)[frame]; });
}

void ActionPlots::draw() {
  if (!isVisible()) return;  // showEvent() catches up
  QElapsedTimer clock;
  clock.start();
  for (std::size_t i = 0; i < plots_.size(); ++i) {
    draw_value(plots_[i], values_[i], stale_first_, stale_last_);
    plots_[i]->refresh();
    plots_[i]->set_frames(session()->current_frame(), session()->hovered_frame());
  }
  stale_first_ = 0;
  stale_last_ = -1;
  QStringList means;
  for (std::size_t exit = 0; exit < series_.exits(); ++exit) {
    const double mean = series_.mean_arm_error(exit);
    if (std::isfinite(mean)) means << tr("%1: %2").arg(exit + 1).arg(format_number(mean, 2));
  }
  summary_->setText(means.isEmpty() ? tr("No recorded actions yet.")
                                    : tr("mean arm error by exit  %1").arg(means.join(QStringLiteral("   "))));
  summary_->setToolTip(
      tr("Distance from the recorded action, root mean square over the six arm values in the model’s units, "
         "averaged over the frames that have one."));
  drawing_->setInterval(std::max(kDrawEveryMs, kRests * static_cast<int>(clock.elapsed())));
}

void ActionPlots::show_record(const FrameRecordPtr&) {}

void ActionPlots::showEvent(QShowEvent* event) {
  FrameView::showEvent(event);
  recorded_->set_wanted(true);
  drawing_->start();
}

void ActionPlots::hideEvent(QHideEvent* event) {
  FrameView::hideEvent(event);
  recorded_->set_wanted(false);
}

}  // namespace deer
