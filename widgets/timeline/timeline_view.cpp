// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/timeline/timeline_view.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QStackedLayout>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>

#include "sessions/frames/episode_frames.h"
#include "sessions/series/episode_states.h"
#include "sessions/series/record_slices.h"
#include "sessions/series/recorded_actions.h"
#include "sessions/session/live_session.h"
#include "widgets/actions/dimension_text.h"
#include "widgets/base/empty_state.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/timeline/timeline_cost.h"
#include "widgets/timeline/timeline_data.h"
#include "widgets/timeline/timeline_legend.h"
#include "widgets/timeline/timeline_plot.h"

namespace deer {
namespace {

constexpr int kDrawMs = 120;       // redraw interval while many updates arrive
constexpr int kUsualReadout = 44;  // characters; reserved so that the legend does not flicker between frames

}  // namespace

TimelineView::TimelineView(Session* session, QWidget* parent)
    : QWidget(parent),
      session_(session),
      data_(std::make_unique<TimelineData>()),
      plot_(new TimelinePlot(data_.get())),
      dimension_(new QComboBox),
      states_(EpisodeStates::of(session)),
      drawing_(new QTimer(this)),
      readout_(new QLabel),
      legend_(new TimelineLegend),
      content_(new QWidget),
      empty_(new EmptyState) {
  setAccessibleName(tr("Episode over time"));
  fill_dimensions();
  dimension_->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  dimension_->setMinimumContentsLength(9);
  dimension_->setAccessibleName(tr("Action value"));
  dimension_->setToolTip(tr("The action value in the lowest track"));
  readout_->setAccessibleName(tr("Values of the frame"));
  readout_->setFont(Theme::number_font(Theme::instance().body_font()));
  readout_->setMinimumWidth(1);

  auto* header = new QHBoxLayout;
  header->setContentsMargins(spacing::kMedium, 0, spacing::kMedium, 0);
  header->setSpacing(spacing::kMedium);
  header->addWidget(readout_, 1);
  header->addWidget(legend_);
  header->addWidget(dimension_);
  auto* column = new QVBoxLayout(content_);
  column->setContentsMargins(0, spacing::kTiny, 0, 0);
  column->setSpacing(spacing::kTiny);
  column->addLayout(header);
  column->addWidget(plot_, 1);
  auto* stack = new QStackedLayout(this);
  stack->addWidget(empty_);
  stack->addWidget(content_);

  connect(dimension_, &QComboBox::currentIndexChanged, this, [this](int dimension) {
    plot_->set_action_dimension(dimension, axis_label(dimension));
    update_header();
  });
  connect(plot_, &TimelinePlot::scrubbed, session, &Session::set_current_frame);
  connect(plot_, &TimelinePlot::frame_hovered, session->selection(), &Selection::set_hovered_frame);
  connect(empty_, &EmptyState::action_triggered, this, &TimelineView::open_dataset_requested);

  const auto follow = [this] {
    plot_->set_frames(session_->current_frame(), session_->selection()->hovered_frame());
    update_header();
  };
  connect(session, &Session::current_frame_changed, this, follow);
  connect(session->selection(), &Selection::hovered_frame_changed, this, follow);
  connect(session, &Session::episode_changed, this, [this] { start_anew(false); });
  connect(session, &Session::model_changed, this, [this] { start_anew(true); });
  connect(session->live(), &LiveSession::frames_added, this, &TimelineView::take_frames);
  connect(states_, &EpisodeStates::read, this, &TimelineView::take_states);
  connect(plot_, &TimelinePlot::visible_changed, this, &TimelineView::ask_for_recorded);
  connect(session, &Session::activity_changed, this, [this] {
    if (session_->frame_count() == 0) start_anew(false);
  });
  connect(&Theme::instance(), &Theme::changed, this, &TimelineView::update_header);
  plot_->set_action_dimension(0, axis_label(0));
  drawing_->setSingleShot(true);
  drawing_->setInterval(kDrawMs);
  connect(drawing_, &QTimer::timeout, this, [this] {
    plot_->data_changed();
    update_header();
  });
  start_anew(false);
  // Must follow the connections above: it visits the records for which start_anew() has made room.
  slices_ = new RecordSlices(session,
                             {.start_anew = [](qint64) {},
                              .grow = [](qint64) {},
                              .take = [this](qint64 frame, const FrameRecordPtr&) { take_record(frame); },
                              .taken =
                                  [this] {
                                    if (slices_ && slices_->busy())
                                      return drawing_->isActive() ? void() : drawing_->start();
                                    plot_->data_changed();
                                    update_header();
                                  },
                              .lose = [this](qint64 frame) { take_record(frame); }},
                             this);
  slices_->start();
}

void TimelineView::fill_dimensions() {
  const QSignalBlocker blocker(dimension_);
  dimension_->clear();
  constexpr qsizetype kFewest = 9, kMost = 22;
  qsizetype longest = 0;
  for (int i = 0; i < data_->dimensions(); ++i) {
    const auto& one = data_->layout().dimensions()[static_cast<std::size_t>(i)];
    const auto text = data_->is_deer_gripper(i) ? tr("gripper, probability of opening") : dimension_label(one);
    if (!data_->is_deer_gripper(i)) longest = std::max(longest, text.size());
    dimension_->addItem(text);
  }
  dimension_->setMinimumContentsLength(static_cast<int>(std::clamp(longest, kFewest, kMost)));
}

QString TimelineView::axis_label(int dimension) const {
  return data_->is_deer_gripper(dimension) ? tr("gripper") : dimension_->itemText(dimension);
}

void TimelineView::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  update_header();
}

void TimelineView::share_header(const QString& text) {
  // Numbers take precedence over the legend. Unknown values may need more room later.
  const QFontMetrics metrics(readout_->font());
  const int wanted = std::max(metrics.horizontalAdvance(text), metrics.averageCharWidth() * kUsualReadout);
  const int room = width() - 2 * spacing::kMedium - dimension_->sizeHint().width() - spacing::kMedium;
  const int left = room - wanted - spacing::kMedium;
  legend_->setVisible(data_->exit_count() > 0 && left >= legend_->least_width());
  legend_->setMaximumWidth(std::clamp(left, 1, legend_->sizeHint().width()));
  const int mine = legend_->isHidden() ? room : room - legend_->maximumWidth() - spacing::kMedium;
  readout_->setText(metrics.elidedText(text, Qt::ElideRight, std::max(mine, 1)));
  readout_->setToolTip(readout_->text() == text ? QString() : text);
}

TimelineView::~TimelineView() { delete plot_; }  // before its data

void TimelineView::set_cost(const TimelineCost& cost) {
  data_->set_exit_costs(cost.by_exit);
  plot_->set_cost(cost);
}

void TimelineView::set_runs(const std::vector<TimelineRun>& runs) {
  data_->set_runs(runs);
  if (!drawing_->isActive()) drawing_->start();
}

int TimelineView::action_dimension() const { return dimension_->currentIndex(); }
void TimelineView::set_action_dimension(int dimension) { dimension_->setCurrentIndex(dimension); }

void TimelineView::zoom_in() { plot_->zoom(0.5, static_cast<double>(session_->current_frame())); }
void TimelineView::zoom_out() { plot_->zoom(2, static_cast<double>(session_->current_frame())); }
void TimelineView::show_all() { plot_->show_all(); }

void TimelineView::start_anew(bool same_episode) {
  const qint64 frames = session_->frame_count();
  auto* stack = static_cast<QStackedLayout*>(layout());
  if (frames == 0) {
    const bool opening = session_->activity() == Session::Activity::opening_source;
    const bool waiting = opening || session_->live()->is_open();
    empty_->set(EmptyState::Icon::chart,
                opening   ? session_->progress().text
                : waiting ? tr("Waiting for the first frame…")
                          : tr("Open an episode to see the depth of every frame."),
                waiting ? QString() : tr("Open dataset…"));
    stack->setCurrentIndex(0);
    return;
  }
  const ModelSummary* model = session_->model();
  const auto exits = model ? model->exit_layers : std::vector<int>{};
  const auto action_layout = shown_layout(*session_);
  const bool other_layout = *action_layout != data_->layout();
  same_episode ? data_->set_exits(frames, exits, action_layout) : data_->reset(frames, exits, action_layout);
  if (other_layout) {
    fill_dimensions();
    plot_->set_action_dimension(0, axis_label(0));
  }
  legend_->set_exits(data_->exit_count());
  data_->set_exit_costs(plot_->cost().by_exit);
  if (!same_episode || other_layout) {
    take_states(0, frames - 1);
  }
  plot_->data_reset();
  if (session_->live()->is_open()) plot_->data_grown();
  if (!same_episode) {
    outcomes_.clear();
    counted_ = {};
  }
  plot_->set_spans(session_->frames()->instructions(), outcomes_);
  plot_->set_frames(session_->current_frame(), session_->selection()->hovered_frame());
  stack->setCurrentIndex(1);
  update_header();
}

void TimelineView::take_frames(qint64 first, qint64 last) {
  if (data_->frames() != first || first == 0) {
    start_anew(false);
    return slices_->start();
  }
  data_->grow(last + 1);
  take_outcomes();
  plot_->set_spans(session_->frames()->instructions(), outcomes_);
  plot_->data_grown();
}

void TimelineView::take_outcomes() {
  const auto tasks = session_->live()->tasks();
  const auto& spans = session_->frames()->instructions();
  if (!tasks || *tasks == counted_) return;
  const int done = tasks->done - counted_.done, failed = tasks->failed - counted_.failed;
  counted_ = *tasks;
  // It is the attempt before the newest; of several that ended at once nobody knows which was done.
  if (done + failed != 1 || spans.size() < 2) return;
  outcomes_[spans[spans.size() - 2].first] = done > 0;
}

void TimelineView::take_record(qint64 frame) {
  if (frame < data_->frames()) data_->set_record(frame, session_->record(frame).get());
}

float TimelineView::recorded_value(int dimension, qint64 frame) const { return data_->recorded(dimension).at(frame); }

void TimelineView::ask_for_recorded() {
  if (!isVisible() || session_->live()->is_open() || data_->frames() == 0) return;
  const QCPRange visible = plot_->visible_frames();
  states_->ask(std::llround(visible.lower + 0.5), std::llround(visible.upper - 0.5), session_->current_frame());
}

void TimelineView::take_states(qint64 first, qint64 last) {
  bool drawn = false;
  for (qint64 frame = std::max<qint64>(first, 0); frame <= std::min(last, data_->frames() - 1); ++frame) {
    const auto state = states_->at(frame);
    const auto action = state ? comparable_action(*session_, *state) : std::span<const double>();
    if (action.empty()) continue;
    // Pictures that are read again bring what is known, and need no drawing.
    if (!std::isnan(data_->recorded(0).at(frame))) continue;
    data_->set_recorded(frame, action);
    drawn = true;
  }
  if (drawn && !drawing_->isActive()) drawing_->start();
}

void TimelineView::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  ask_for_recorded();
}

void TimelineView::update_header() {
  dimension_->setVisible(data_->has_action(action_dimension()));
  const qint64 hovered = session_->selection()->hovered_frame();
  const qint64 frame = hovered >= 0 ? hovered : session_->current_frame();
  if (frame < 0 || frame >= data_->frames()) return readout_->clear();
  // The frame, its exit and its depth stand above the timeline.
  const FrameRecordPtr record = session_->record(frame);
  const int dimension = action_dimension();
  const auto& shown = data_->layout().dimensions()[static_cast<std::size_t>(dimension)];
  const int decimals = data_->is_deer_gripper(dimension) ? 2 : dimension_decimals(shown);
  const auto recorded = static_cast<double>(data_->recorded(dimension).at(frame));
  const auto recorded_text = format_fixed(recorded, decimals);
  if (!record) {
    if (data_->exit_count() > 0) return share_header(tr("not evaluated"));
    return share_header(std::isnan(recorded) ? tr("No model is open")
                                             : tr("%1: recorded %2").arg(axis_label(dimension), recorded_text));
  }
  const auto executed_text = format_fixed(static_cast<double>(data_->predicted(dimension).at(frame)), decimals);
  share_header(std::isnan(recorded)
                   ? tr("%1: executed %2").arg(axis_label(dimension), executed_text)
                   : tr("%1: executed %2, recorded %3").arg(axis_label(dimension), executed_text, recorded_text));
}

}  // namespace deer
