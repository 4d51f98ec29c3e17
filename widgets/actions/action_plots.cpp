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
#include "widgets/actions/dimension_text.h"
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
  show_->setAccessibleName(tr("Show"));
  show_->addItems({tr("every exit"), tr("disagreement"), tr("error")});
  show_->setItemData(0, tr("One line per exit, over the recorded action."), Qt::ToolTipRole);
  show_->setItemData(1, tr("Range over all exits, with the executed action."), Qt::ToolTipRole);
  show_->setItemData(2, tr("Distance of each exit from the recorded action."), Qt::ToolTipRole);
  unit_->setAccessibleName(tr("Unit"));
  unit_->addItems({QString(), QString()});
  fill_values();
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
  connect(session->selection(), &Selection::selected_exit_changed, this, &ActionPlots::rebuild);
  connect(recorded_, &RecordedActions::changed, this, [this](qint64 frame) {
    if (frame >= static_cast<qint64>(series_.frames())) return;
    series_.set_recorded(static_cast<std::size_t>(frame), recorded_->at(frame));
    stale(frame, frame);
    if (!drawing_->isActive()) drawing_->start();
  });
  const auto follow = [this] {
    for (auto* const plot : plots_)
      plot->set_frames(this->session()->current_frame(), this->session()->selection()->hovered_frame());
  };
  connect(session, &Session::current_frame_changed, this, follow);
  connect(session->selection(), &Selection::hovered_frame_changed, this, follow);
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

const ActionDimension& ActionPlots::dimension(int value) const {
  return series_.layout().dimensions()[static_cast<std::size_t>(value)];
}

void ActionPlots::fill_values() {
  const QSignalBlocker value_blocker(value_), unit_blocker(unit_);
  const bool is_deer = series_.layout().is_deer();
  value_->clear();
  for (const auto& one : series_.layout().dimensions()) value_->addItem(dimension_name(one));
  value_->addItem(is_deer ? tr("all seven") : tr("all values"));
  value_->addItem(is_deer ? tr("arm error") : tr("total error"));
  value_->setToolTip(is_deer ? tr("Action value to show. “arm error” combines the six arm values.")
                             : tr("Action value to show. “total error” combines all values except the grippers."));
  unit_->setItemText(0, is_deer ? tr("mm, ° per step") : tr("each value’s unit"));
  unit_->setItemText(1, is_deer ? tr("model’s units") : tr("as stored"));
  unit_->setToolTip(is_deer ? tr("The model’s value of 1 is 20 mm or 1/20 rad (2.86°) per step.")
                            : tr("Values in the units given by the recording, or as stored."));
}

double ActionPlots::scale_of(int value) const {
  return value >= all_values() || unit_->currentIndex() == 1 ? 1 : dimension(value).scale;
}

int ActionPlots::decimals_of(int value) const {
  return scale_of(value) == 1 ? 3 : dimension_decimals(dimension(value));
}

QString ActionPlots::label_of(int value) const {
  if (value == total_error()) return value_->itemText(value);
  const bool raw = unit_->currentIndex() == 1;
  const auto name = dimension_name(dimension(value));
  if (is_deer_gripper(value)) return raw ? tr("gripper, 0 to 1") : tr("gripper, % open");
  if (!raw) return dimension_label(dimension(value));
  return series_.layout().is_deer() ? tr("%1, −1 to 1").arg(name) : name;
}

void ActionPlots::start_anew(qint64 frames) {
  const auto* const model = session()->model();
  const ActionLayout before = series_.layout();
  series_.reset(static_cast<std::size_t>(frames), model ? model->exit_layers : std::vector<int>{},
                shown_layout(*session()));
  if (!(series_.layout() == before)) fill_values();
  for (qint64 frame = 0; frame < std::min(recorded_->frames(), frames); ++frame) {
    series_.set_recorded(static_cast<std::size_t>(frame), recorded_->at(frame));
  }
  rebuild();
}

void ActionPlots::rebuild() {
  const int value = value_->currentIndex();
  const bool all = value == all_values();
  values_.clear();
  for (int i = 0; i < all_values(); ++i) {
    if (all || i == value) values_.push_back(i);
  }
  if (value == total_error() || (all && show_mode() == Show::error)) values_.insert(values_.begin(), total_error());
  while (plots_.size() < values_.size()) {
    auto* const plot = new SeriesPlot(stack_);
    plot->setMinimumHeight(kLeastHeight);
    column_->addWidget(plot, 1);
    connect(plot, &SeriesPlot::frame_chosen, this, [this](qint64 frame) { session()->playback()->go_to(frame); });
    connect(plot, &SeriesPlot::frame_hovered, session()->selection(), &Selection::set_hovered_frame);
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
    // The total error is always shown as an error.
    const auto mode = values_[i] == total_error() ? Show::error : show_mode();
    std::vector<SeriesPlot::Line> lines;
    if (mode == Show::disagreement) {
      lines.push_back({.name = tr("least"), .ink = Ink::shade, .in_legend = false});
      lines.push_back({.name = tr("most"), .ink = Ink::shade, .filled = true, .in_legend = false});
    }
    const int selected = session()->selection()->selected_exit();
    for (int exit = 0; exit < exits; ++exit) {
      if (mode == Show::disagreement && exit != selected) continue;
      lines.push_back({.name = tr("exit %1").arg(exit + 1),
                       .ink = Ink::exit,
                       .exit = exit,
                       .exits = exits,
                       .width = exit == selected ? 2.0 : 1.0});
    }
    if (mode == Show::disagreement) lines.push_back({.name = tr("executed"), .ink = Ink::text, .width = 2});
    if (mode != Show::error) lines.push_back({.name = tr("recorded"), .ink = Ink::recorded, .width = 2});
    auto* const plot = plots_[i];
    plot->set_lines(std::move(lines));
    plot->set_legend_visible(i == 0);
    plot->set_y_label(mode == Show::error && values_[i] != total_error() ? tr("error in %1").arg(label_of(values_[i]))
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
  const auto mode = value == total_error() ? Show::error : show_mode();
  const auto scale = static_cast<float>(scale_of(value));
  const auto dimension = static_cast<std::size_t>(std::min(value, all_values() - 1));
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
    if (mode == Show::disagreement && static_cast<int>(exit) != session()->selection()->selected_exit()) continue;
    if (value == total_error()) {
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
    plots_[i]->set_frames(session()->current_frame(), session()->selection()->hovered_frame());
  }
  stale_first_ = 0;
  stale_last_ = -1;
  QStringList means;
  for (std::size_t exit = 0; exit < series_.exits(); ++exit) {
    const double mean = series_.mean_arm_error(exit);
    if (std::isfinite(mean)) means << tr("%1: %2").arg(exit + 1).arg(format_number(mean, 2));
  }
  const bool is_deer = series_.layout().is_deer();
  summary_->setText(means.isEmpty() ? tr("No recorded actions yet.")
                                    : (is_deer ? tr("mean arm error by exit  %1") : tr("mean total error by exit  %1"))
                                          .arg(means.join(QStringLiteral("   "))));
  summary_->setToolTip(
      is_deer
          ? tr("Distance from the recorded action, root mean square over the six arm values in the model’s units, "
               "averaged over the frames that have one.")
          : tr("Distance from the recorded action, root mean square over all stored values of the first step except "
               "the grippers, averaged over the frames that have one."));
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
