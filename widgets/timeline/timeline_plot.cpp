// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/timeline/timeline_plot.h"

#include <QHelpEvent>
#include <QToolTip>
#include <algorithm>
#include <cmath>

#include "widgets/base/frame_ticker.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/base/tickers.h"
#include "widgets/timeline/cost_layer.h"
#include "widgets/timeline/timeline_axes.h"
#include "widgets/timeline/timeline_cost.h"
#include "widgets/timeline/timeline_data.h"
#include "widgets/timeline/timeline_layers.h"
#include "widgets/timeline/timeline_marks.h"

namespace deer {
namespace {

constexpr int kTracks = 7;
constexpr double kFewestFrames = 4;
constexpr int kEventHeight = 14;
constexpr int kLowHeight = 34;    // of regret and cost, since their names are long
constexpr int kLeastDepth = 112;  // of the depth track and its margins: the timeline exists for it
constexpr int kLeastDelta = 50;
constexpr double kDepthStretch = 2.2;
// Of the plot's height, below which tracks are dropped: first cost, then regret. The others stay.
constexpr int kRoomForRegret = 300;
constexpr int kRoomForCost = kRoomForRegret + kLowHeight;
constexpr int kSnapPixels = 5;
constexpr double kWheelStep = 0.8;
constexpr qint64 kFirstRoom = 300;  // 10 s
constexpr double kMoreRoom = 1.5;   // growth factor; large enough that the axis changes rarely

/// As many values as fit below each other.
class RoomyTicker : public DecimalTicker {
 public:
  explicit RoomyTicker(const QCPAxis* axis) : axis_(axis) {}

 protected:
  double getTickStep(const QCPRange& range) override {
    double step = DecimalTicker::getTickStep(range);
    const double room = axis_->axisRect()->height() / (1.1 * QFontMetrics(axis_->tickLabelFont()).height());
    while (range.size() / step > std::max(room, 1.0)) step *= 2;
    return step;
  }

 private:
  const QCPAxis* axis_;
};

/// Zero and one round value near the top, for tracks with room for two labels.
class EndsTicker : public DecimalTicker {
 protected:
  QVector<double> createTickVector(double, const QCPRange& range) override {
    if (range.upper <= 0) return {0};
    const double decade = std::pow(10, std::floor(std::log10(range.upper)));
    const double top = range.upper >= 5 * decade ? 5 * decade : range.upper >= 2 * decade ? 2 * decade : decade;
    decimals_ = std::max(0, -static_cast<int>(std::floor(std::log10(top) + 1e-9)));
    return {0, top};
  }
};

double room_for(qint64 frames) { return static_cast<double>(std::max<qint64>(frames, 1)); }

// Names are rotated. A name that would overlap the next track is omitted.
void name_tracks(const std::vector<QCPAxisRect*>& rects, const QString& action) {
  using Track = TimelinePlot::Track;
  const auto name = [&](Track track, const QStringList& names) {
    name_track(rects[static_cast<std::size_t>(track)], names);
  };
  name(Track::depth, {TimelinePlot::tr("exit taken"), TimelinePlot::tr("exit")});
  name(Track::delta, {TimelinePlot::tr("delta of exit"), TimelinePlot::tr("delta")});
  name(Track::regret, {TimelinePlot::tr("regret")});
  name(Track::cost, {TimelinePlot::tr("cost so far"), TimelinePlot::tr("cost")});
  name(Track::action, {action});
}

}  // namespace

TimelinePlot::TimelinePlot(const TimelineData* data, QWidget* parent)
    : VectorPlot(parent),
      data_(data),
      marks_(std::make_unique<TimelineMarks>()),
      spending_(std::make_unique<TimelineCost>()) {
  setAccessibleName(tr("Timeline"));
  setMouseTracking(true);
  setFocusPolicy(Qt::StrongFocus);
  setMinimumSize(160, 140);
  build_tracks();
  setBackground(Theme::instance().colors().background);
  style_tracks(rects_);
  connect(&Theme::instance(), &Theme::changed, this, [this] {
    setBackground(Theme::instance().colors().background);
    style_tracks(rects_);
    data_changed();
  });
  data_reset();
}

TimelinePlot::~TimelinePlot() = default;

void TimelinePlot::build_tracks() {
  setAutoAddPlottableToLegend(false);
  setNoAntialiasingOnDrag(false);
  plotLayout()->clear();
  plotLayout()->setRowSpacing(spacing::kTiny);
  addLayer(QStringLiteral("cursor"), layer(QStringLiteral("axes")), QCustomPlot::limAbove);
  layer(QStringLiteral("cursor"))->setMode(QCPLayer::lmBuffered);
  auto* margins = new QCPMarginGroup(this);
  for (int row = 0; row < kTracks; ++row) {
    auto* rect = new QCPAxisRect(this, true);
    rect->setMarginGroup(QCP::msLeft | QCP::msRight, margins);
    rect->setAutoMargins(QCP::msLeft | QCP::msRight | QCP::msBottom);
    rect->setMinimumMargins({spacing::kTiny, 0, spacing::kMedium, 0});
    rect->axis(QCPAxis::atTop)->setVisible(false);
    rect->axis(QCPAxis::atRight)->setVisible(false);
    for (QCPAxis* axis : rect->axes()) {
      axis->setLayer(QStringLiteral("axes"));
      axis->grid()->setLayer(QStringLiteral("grid"));
      axis->grid()->setVisible(false);
      axis->setSubTicks(false);
    }
    QCPAxis* x = rect->axis(QCPAxis::atBottom);
    x->setTicker(QSharedPointer<FrameTicker>::create());
    x->ticker()->setTickCount(7);
    const bool last = row == kTracks - 1;
    x->setTickLabels(last);
    x->setTicks(last);
    rect->axis(QCPAxis::atLeft)->setTickLength(0, 3);
    x->setTickLength(0, 3);
    plotLayout()->addElement(row, 0, rect);
    rects_.push_back(rect);
  }
  QCPAxisRect* top = rect_of(Track::instructions);
  top->axis(QCPAxis::atLeft)->setTicks(false);
  top->axis(QCPAxis::atLeft)->setTickLabels(false);
  top->axis(QCPAxis::atLeft)->setVisible(false);
  top->axis(QCPAxis::atBottom)->setVisible(false);
  rect_of(Track::delta)->axis(QCPAxis::atBottom)->setVisible(false);
  QCPAxisRect* events = rect_of(Track::events);
  events->axis(QCPAxis::atLeft)->setVisible(false);
  events->axis(QCPAxis::atBottom)->setVisible(false);
  events->setMinimumSize(0, kEventHeight);
  events->setMaximumSize(QWIDGETSIZE_MAX, kEventHeight);
  for (const auto track : {Track::regret, Track::cost}) {
    rect_of(track)->axis(QCPAxis::atLeft)->setTicker(QSharedPointer<EndsTicker>::create());
  }
  show_tracks();
  auto* const action_axis = rect_of(Track::action)->axis(QCPAxis::atLeft);
  action_axis->setTicker(QSharedPointer<RoomyTicker>::create(action_axis));
  rect_of(Track::action)->axis(QCPAxis::atLeft)->ticker()->setTickCount(3);
  rect_of(Track::action)->axis(QCPAxis::atLeft)->grid()->setVisible(true);
  plotLayout()->setRowStretchFactor(static_cast<int>(Track::depth), kDepthStretch);

  instructions_ = new InstructionLayer(top, data_);
  new DepthLayer(rect_of(Track::depth), data_);
  new HeatLayer(rect_of(Track::delta), data_);
  new RegretLayer(rect_of(Track::regret), data_);
  cost_ = new CostLayer(rect_of(Track::cost), data_);
  events_ = new EventLayer(rect_of(Track::events), data_, marks_.get());
  new ForcedLayer(rect_of(Track::depth), data_, marks_.get());
  action_ = new ActionLayer(rect_of(Track::action), data_);
  for (QCPAxisRect* rect : rects_) new LoopLayer(rect, data_, marks_.get());
  cursor_ = new CursorLayer(this, QStringLiteral("cursor"));
}

QCPAxisRect* TimelinePlot::rect_of(Track track) const { return rects_[static_cast<std::size_t>(track)]; }

void TimelinePlot::data_reset() {
  const auto& layers = data_->exit_layers();
  const int deepest = layers.empty() ? 1 : layers.back() + 1;
  rect_of(Track::depth)->axis(QCPAxis::atLeft)->setRange(0, deepest * 1.08);
  rect_of(Track::delta)->axis(QCPAxis::atLeft)->setRange(-0.5, std::max(1, data_->exit_count()) - 0.5);
  rect_of(Track::instructions)->axis(QCPAxis::atLeft)->setRange(0, 1);
  show_tracks();
  plotLayout()->update(QCPLayoutElement::upLayout);
  label_exits(rect_of(Track::depth), rect_of(Track::delta), *data_);
  current_ = -1;
  room_ = 0;
  show_all();
  data_changed();
}

void TimelinePlot::data_grown() {
  const QCPRange visible = visible_frames();
  const auto before = static_cast<double>(room_ > 0 ? room_ : data_->frames());
  const bool saw_all = visible.lower <= -0.5 && visible.upper >= before - 0.5;
  if (room_ < kFirstRoom) room_ = kFirstRoom;
  while (room_ < data_->frames()) room_ = static_cast<qint64>(static_cast<double>(room_) * kMoreRoom);
  if (saw_all) show_all();
  data_changed();
}

void TimelinePlot::data_changed() {
  fit_action_range();
  fit_regret(rect_of(Track::regret), data_->regret().all());
  replot(QCustomPlot::rpQueuedReplot);
}

void TimelinePlot::fit_action_range() {
  Extent all = data_->predicted(dimension_).all();
  all.add(data_->recorded(dimension_).all());
  QCPAxis* axis = rect_of(Track::action)->axis(QCPAxis::atLeft);
  // A video without a model has nothing to draw: an axis would promise it.
  const bool drawn = data_->has_action(dimension_);
  axis->setTicks(drawn);
  axis->setTickLabels(drawn);
  axis->grid()->setVisible(drawn);
  name_tracks(rects_, drawn ? action_name_ : QString());
  if (data_->is_deer_gripper(dimension_)) return axis->setRange(-0.08, 1.08);
  // Always includes zero, and is never so narrow that noise looks like movement.
  const double least = data_->layout().is_deer() ? 0.5 : 0.01;
  const double low = std::min(all.count > 0 ? static_cast<double>(all.min) : 0.0, -least);
  const double high = std::max(all.count > 0 ? static_cast<double>(all.max) : 0.0, least);
  const double margin = 0.06 * (high - low);
  axis->setRange(low - margin, high + margin);
}

void TimelinePlot::set_spans(std::vector<InstructionSpan> spans, std::map<qint64, bool> outcomes) {
  const int height = spans.empty() ? 0 : QFontMetrics(Theme::instance().label_font()).height() + spacing::kTiny + 2;
  instructions_->set_spans(std::move(spans), std::move(outcomes));
  QCPAxisRect* top = rect_of(Track::instructions);
  top->setVisible(height > 0);
  top->setMinimumSize(0, height);
  top->setMaximumSize(QWIDGETSIZE_MAX, height);
  replot(QCustomPlot::rpQueuedReplot);
}

void TimelinePlot::set_marks(TimelineMarks marks) {
  *marks_ = std::move(marks);
  replot(QCustomPlot::rpQueuedReplot);
}

void TimelinePlot::set_regret_shown(bool shown) {
  regret_shown_ = shown;
  show_tracks();
  plotLayout()->update(QCPLayoutElement::upLayout);
  label_exits(rect_of(Track::depth), rect_of(Track::delta), *data_);
  name_tracks(rects_, data_->has_action(dimension_) ? action_name_ : QString());
  replot(QCustomPlot::rpQueuedReplot);
}

// Without a model there are no exits: the recorded action has the room.
void TimelinePlot::show_tracks() {
  const auto show = [this](Track track, bool shown, int least, int most) {
    QCPAxisRect* rect = rect_of(track);
    rect->setVisible(shown);
    rect->setMinimumSize(0, shown ? least : 0);
    rect->setMaximumSize(QWIDGETSIZE_MAX, shown ? most : 0);
  };
  const bool exits = data_->exit_count() > 0;
  show(Track::depth, exits, kLeastDepth, QWIDGETSIZE_MAX);
  show(Track::delta, exits, kLeastDelta, QWIDGETSIZE_MAX);
  show(Track::regret, exits && regret_shown_ && height() >= kRoomForRegret, kLowHeight, kLowHeight);
  show(Track::cost, exits && height() >= (regret_shown_ ? kRoomForCost : kRoomForRegret), kLowHeight, kLowHeight);
}

void TimelinePlot::set_cost(TimelineCost cost) {
  *spending_ = std::move(cost);
  cost_->set_allowance(spending_->allowance);
  double top = spending_->allowance.value_or(0);
  for (const double one : spending_->by_exit) top = std::max(top, one);
  rect_of(Track::cost)->axis(QCPAxis::atLeft)->setRange(0, top > 0 ? top * 1.08 : 1);
  replot(QCustomPlot::rpQueuedReplot);
}

void TimelinePlot::set_action_dimension(int dimension, const QString& label) {
  action_name_ = label;
  dimension_ = std::clamp(dimension, 0, data_->dimensions() - 1);
  action_->set_dimension(dimension_);
  data_changed();
}

void TimelinePlot::set_frames(qint64 current, qint64 hovered) {
  const bool moved = std::exchange(current_, current) != current;
  cursor_->set(current, hovered);
  const QCPRange visible = visible_frames();
  if (moved && current >= 0 && drag_ == Drag::none && !visible.contains(static_cast<double>(current))) {
    // Playback has left the visible range: scroll by a page.
    const double lower = static_cast<double>(current) - 0.1 * visible.size();
    return set_visible_frames({lower, lower + visible.size()});
  }
  layer(QStringLiteral("cursor"))->replot();
}

QCPRange TimelinePlot::visible_frames() const { return rect_of(Track::action)->axis(QCPAxis::atBottom)->range(); }

void TimelinePlot::set_visible_frames(QCPRange range) {
  const double frames = room_for(std::max(data_->frames(), room_));
  const double size = std::clamp(range.size(), std::min(kFewestFrames, frames), frames);
  if (size >= frames * (1 - 1e-9)) {
    range = {-0.5, frames - 0.5};
  } else if (size != range.size()) {
    range = {range.center() - size / 2, range.center() + size / 2};
  }
  if (range.lower < -0.5) range = {-0.5, size - 0.5};
  if (range.upper > frames - 0.5) range = {frames - 0.5 - size, frames - 0.5};
  for (QCPAxisRect* rect : rects_) rect->axis(QCPAxis::atBottom)->setRange(range);
  replot(QCustomPlot::rpQueuedReplot);
  Q_EMIT visible_changed();
}

void TimelinePlot::zoom(double factor, double center_frame) {
  const QCPRange visible = visible_frames();
  const double frames = room_for(std::max(data_->frames(), room_));
  const double size = std::clamp(visible.size() * factor, std::min(kFewestFrames, frames), frames);
  const double share = (center_frame - visible.lower) / visible.size();
  const double lower = center_frame - share * size;
  set_visible_frames({lower, lower + size});
}

void TimelinePlot::show_all() { set_visible_frames({-0.5, room_for(std::max(data_->frames(), room_)) - 0.5}); }

QRect TimelinePlot::track_rect(Track track) const { return rect_of(track)->rect(); }

double TimelinePlot::x_of(qint64 frame) const {
  return rect_of(Track::action)->axis(QCPAxis::atBottom)->coordToPixel(static_cast<double>(frame));
}

double TimelinePlot::y_of(Track track, double value) const {
  return rect_of(track)->axis(QCPAxis::atLeft)->coordToPixel(value);
}

qint64 TimelinePlot::frame_at(double x) const {
  const double frame = rect_of(Track::action)->axis(QCPAxis::atBottom)->pixelToCoord(x);
  return std::clamp<qint64>(std::llround(frame), 0, std::max<qint64>(0, data_->frames() - 1));
}

void TimelinePlot::scrub(const QMouseEvent* event) {
  const auto frame = frame_at(event->position().x());
  const bool free = !snaps_ || event->modifiers().testFlag(Qt::ControlModifier);
  const auto mark = free ? std::nullopt : marks_->nearest(frame, events_->reach(kSnapPixels));
  Q_EMIT scrubbed(mark.value_or(frame));
}

void TimelinePlot::mousePressEvent(QMouseEvent* event) {
  if (data_->frames() == 0) return;
  const bool pan = event->button() == Qt::MiddleButton ||
                   (event->button() == Qt::LeftButton && event->modifiers().testFlag(Qt::ShiftModifier));
  if (pan) {
    drag_ = Drag::pan;
    pan_from_x_ = event->position().x();
    pan_from_range_ = visible_frames();
    setCursor(Qt::ClosedHandCursor);
  } else if (event->button() == Qt::LeftButton) {
    drag_ = Drag::scrub;
    scrub(event);
  }
}

void TimelinePlot::mouseMoveEvent(QMouseEvent* event) {
  if (data_->frames() == 0) return;
  const double x = event->position().x();
  switch (drag_) {
    case Drag::none:
      Q_EMIT frame_hovered(
          rect_of(Track::action)->rect().left() <= x && x <= rect_of(Track::action)->rect().right() ? frame_at(x) : -1);
      break;
    case Drag::scrub:
      scrub(event);
      break;
    case Drag::pan: {
      const double frames = (pan_from_x_ - x) / rect_of(Track::action)->width() * pan_from_range_.size();
      set_visible_frames({pan_from_range_.lower + frames, pan_from_range_.upper + frames});
      break;
    }
  }
}

void TimelinePlot::mouseReleaseEvent(QMouseEvent*) {
  drag_ = Drag::none;
  unsetCursor();
}

void TimelinePlot::mouseDoubleClickEvent(QMouseEvent* event) {
  drag_ = Drag::none;
  if (event->button() == Qt::LeftButton) show_all();
}

void TimelinePlot::wheelEvent(QWheelEvent* event) {
  event->accept();
  if (data_->frames() == 0) return;
  const QCPAxis* x = rect_of(Track::action)->axis(QCPAxis::atBottom);
  const QPoint angle = event->angleDelta();
  if (angle.y() == 0) {
    const double shift = -angle.x() / 120.0 * 0.1 * visible_frames().size();
    return set_visible_frames({visible_frames().lower + shift, visible_frames().upper + shift});
  }
  zoom(std::pow(kWheelStep, angle.y() / 120.0), x->pixelToCoord(event->position().x()));
}

void TimelinePlot::leaveEvent(QEvent* event) {
  if (drag_ == Drag::none) Q_EMIT frame_hovered(-1);
  QCustomPlot::leaveEvent(event);
}

void TimelinePlot::resizeEvent(QResizeEvent* event) {
  QCustomPlot::resizeEvent(event);
  constexpr int kRoomForLabel = 260;
  rect_of(Track::action)->axis(QCPAxis::atBottom)->setLabel(height() >= kRoomForLabel ? tr("frame") : QString());
  show_tracks();
  plotLayout()->update(QCPLayoutElement::upLayout);
  label_exits(rect_of(Track::depth), rect_of(Track::delta), *data_);
  name_tracks(rects_, data_->has_action(dimension_) ? action_name_ : QString());
  replot(QCustomPlot::rpQueuedReplot);
}

QString TimelinePlot::tip_at(const QPoint& place) const {
  if (data_->frames() == 0) return {};
  const auto frame = frame_at(place.x());
  if (track_rect(Track::instructions).contains(place)) return instructions_->text_at(frame);
  if (track_rect(Track::events).contains(place)) {
    const auto reach = events_->reach(kSnapPixels);
    return marks_->texts(frame - reach, frame + reach).join(u'\n');
  }
  if (!track_rect(Track::cost).contains(place)) return {};
  const auto spent = format_quantity(static_cast<double>(data_->mean_cost().at(frame)), spending_->unit);
  const auto text = tr("Mean cost up to frame %1: %2").arg(format_count(frame), spent);
  if (!spending_->allowance) return text;
  return text + u'\n' + tr("Budget: %1").arg(format_quantity(*spending_->allowance, spending_->unit));
}

bool TimelinePlot::event(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    auto* help = static_cast<QHelpEvent*>(event);
    const QString text = tip_at(help->pos());
    text.isEmpty() ? QToolTip::hideText() : QToolTip::showText(help->globalPos(), text, this);
    return true;
  }
  return QCustomPlot::event(event);
}

}  // namespace deer
