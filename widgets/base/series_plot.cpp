// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/base/series_plot.h"

#include <QToolTip>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "widgets/base/frame_ticker.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/base/tickers.h"

namespace deer {
namespace {

constexpr int kLeastWidth = 50;         // of a plot before its first layout, pixels
constexpr int kRoomForXLabel = 110;     // of the height, pixels
constexpr int kRoomForLegend = 72;      // of the height, pixels
constexpr double kMostForLegend = 0.5;  // of the height
constexpr int kPointReach = 4;          // pixels the pointer may move during a click

}  // namespace

SeriesPlot::SeriesPlot(QWidget* parent) : VectorPlot(parent) {
  setMouseTracking(true);
  setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
  axisRect()->setRangeDrag(Qt::Horizontal);
  axisRect()->setRangeZoom(Qt::Horizontal);
  axisRect()->setMinimumMargins({4, 4, 4, 2});
  xAxis->setTicker(QSharedPointer<FrameTicker>::create());
  yAxis->setTicker(QSharedPointer<DecimalTicker>::create());
  yAxis->ticker()->setTickCount(4);
  // The cursor moves with every frame, so it has its own layer and the lines are not redrawn.
  addLayer(QStringLiteral("cursor"), layer(QStringLiteral("main")));
  layer(QStringLiteral("cursor"))->setMode(QCPLayer::lmBuffered);
  current_ = new QCPItemStraightLine(this);
  hovered_ = new QCPItemStraightLine(this);
  for (auto* const line : {current_, hovered_}) {
    line->setLayer(QStringLiteral("cursor"));
    line->setVisible(false);
  }
  legend->setBorderPen(Qt::NoPen);
  legend->setRowSpacing(0);
  legend->setIconSize(14, 8);
  legend->setFillOrder(QCPLegend::foColumnsFirst);
  legend->setMargins({0, 0, 0, 0});
  // In a low plot QCustomPlot's minimum would be taken from the legend, whose letters were cut off.
  axisRect()->setMinimumSize(50, 16);
  connect(this, &QCustomPlot::beforeReplot, this, &SeriesPlot::fill_graphs);
  connect(this, &QCustomPlot::mouseWheel, this, [this] { moved_ = true; });
  connect(&Theme::instance(), &Theme::changed, this, [this] {
    restyle();
    replot(QCustomPlot::rpQueuedReplot);
  });
  restyle();
}

QColor SeriesPlot::color_of(const Line& line) const {
  const auto& theme = Theme::instance();
  const auto& colors = theme.colors();
  switch (line.ink) {
    case Ink::exit:
      return theme.exit_color(line.exit, line.exits);
    case Ink::recorded:
      return colors.recorded;
    case Ink::muted:
      return colors.muted_text;
    case Ink::accent:
      return colors.accent;
    case Ink::warning:
      return colors.warning;
    case Ink::error:
      return colors.error;
    case Ink::text:
      return colors.text;
    case Ink::run:
      return theme.run_color(line.exit);
    case Ink::shade:
      return Theme::mix(colors.background, colors.muted_text, line.shade);
  }
  return colors.text;
}

void SeriesPlot::restyle() {
  const auto& colors = Theme::instance().colors();
  style_axes();
  for (auto* const axis : {xAxis, yAxis}) axis->setLabelPadding(2);
  xAxis->grid()->setVisible(false);
  legend->setBrush(QBrush(colors.background));
  current_->setPen(QPen(colors.accent, 1));
  hovered_->setPen(QPen(colors.muted_text, 1, Qt::DotLine));
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const auto color = color_of(lines_[i]);
    // Filled areas have no outline, which would hide thin neighbours.
    graphs_[i]->setPen(lines_[i].filled ? QPen(Qt::NoPen) : QPen(color, lines_[i].width, lines_[i].style));
    graphs_[i]->setBrush(lines_[i].filled ? QBrush(color) : QBrush(Qt::NoBrush));
  }
}

void SeriesPlot::set_lines(std::vector<Line> lines) {
  lines_ = std::move(lines);
  legend->clearItems();
  clearGraphs();
  graphs_.clear();
  columns_.assign(lines_.size(), {});
  stale_ = true;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    auto* const graph = addGraph();
    graph->setName(lines_[i].name);
    graph->setAntialiased(false);
    graph->setVisible(!lines_[i].hidden);
    if (lines_[i].steps) graph->setLineStyle(QCPGraph::lsStepLeft);
    if (!lines_[i].in_legend) graph->removeFromLegend();
    if (lines_[i].filled && i > 0) graph->setChannelFillGraph(graphs_.back());
    graphs_.push_back(graph);
  }
  set_legend_visible(legend_wanted_);
  restyle();
}

void SeriesPlot::set_values(std::size_t line, std::span<const float> values) {
  over_frames_ = true;
  columns_[line].assign(values);
  stale_ = true;
}

void SeriesPlot::set_value(std::size_t line, qint64 frame, float value) {
  over_frames_ = true;
  auto& column = columns_[line];
  column.grow(frame + 1);
  const float before = column.at(frame);
  if (before == value || (std::isnan(before) && std::isnan(value))) return;
  column.set(frame, value);
  stale_ = true;
}

void SeriesPlot::fill_graphs() {
  if (!over_frames_ || columns_.empty()) return;
  const auto range = xAxis->range();
  if (!stale_ && range == filled_range_ && axisRect()->width() == filled_width_) return;
  stale_ = false;
  filled_range_ = range;
  filled_width_ = axisRect()->width();
  // Buckets of a power of two start at the same frames wherever the view is, so nothing flickers while panning.
  qint64 step = 1;
  while (static_cast<double>(2 * step * std::max(filled_width_, kLeastWidth)) < range.size()) step *= 2;
  for (std::size_t line = 0; line < columns_.size(); ++line) {
    const auto frames = columns_[line].size();
    const auto first = std::max<qint64>(0, static_cast<qint64>(std::floor(range.lower)) - 1) / step * step;
    const auto last = std::min(frames - 1, static_cast<qint64>(std::ceil(range.upper)) + 1);
    fill_graph(line, first, last, step);
  }
}

void SeriesPlot::fill_graph(std::size_t line, qint64 first, qint64 last, qint64 step) {
  const auto& column = columns_[line];
  QVector<QCPGraphData> points;
  points.reserve(static_cast<qsizetype>(2 * (std::max<qint64>(0, last - first) / step + 1)));
  for (auto begin = first; begin <= last; begin += step) {
    const auto x = static_cast<double>(begin);
    if (step == 1) {
      points.append({x, static_cast<double>(column.at(begin))});
      continue;
    }
    const auto end = std::min(begin + step - 1, column.size() - 1);
    const auto extent = column.extent(begin, end);
    const bool falls = column.at(begin) > column.at(end);
    points.append({x, static_cast<double>(falls ? extent.max : extent.min)});
    if (extent.min < extent.max) {
      points.append({x + static_cast<double>(step) / 2, static_cast<double>(falls ? extent.min : extent.max)});
    }
  }
  graphs_[line]->data()->set(points, true);
}

std::optional<QCPRange> SeriesPlot::known_frames(const MinMaxColumn& column) const {
  qint64 first = 0, last = column.size() - 1;
  while (first <= last && std::isnan(column.at(first))) ++first;
  while (last > first && std::isnan(column.at(last))) --last;
  if (first > last) return std::nullopt;
  return QCPRange(static_cast<double>(first), static_cast<double>(last));
}

void SeriesPlot::set_points(std::size_t line, std::span<const float> x, std::span<const float> y) {
  over_frames_ = false;
  QVector<QCPGraphData> points;
  points.reserve(static_cast<qsizetype>(x.size()));
  for (std::size_t i = 0; i < x.size() && i < y.size(); ++i) {
    points.append({static_cast<double>(x[i]), static_cast<double>(y[i])});
  }
  graphs_[line]->data()->set(points, true);
}

double SeriesPlot::value(std::size_t line, qint64 frame) const {
  const auto& column = columns_[line];
  if (frame < 0 || frame >= column.size()) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(column.at(frame));
}

void SeriesPlot::refresh() { moved_ ? replot(QCustomPlot::rpQueuedReplot) : fit(); }

void SeriesPlot::set_x_label(const QString& label) {
  x_label_ = label;
  fit_words();
}

void SeriesPlot::set_y_label(const QString& label) {
  y_label_ = label;
  fit_words();
}

int SeriesPlot::legend_columns() const {
  const QFontMetrics metrics(legend->font());
  std::vector<int> names;
  for (int i = 0; i < legend->itemCount(); ++i) {
    auto* const item = qobject_cast<QCPPlottableLegendItem*>(legend->item(i));
    if (!item) continue;
    names.push_back(metrics.horizontalAdvance(item->plottable()->name()) + legend->iconSize().width() +
                    legend->iconTextPadding() + legend->columnSpacing());
  }
  const auto all = names.size();
  for (std::size_t columns = all; columns > 1; --columns) {
    std::vector<int> widest(columns, 0);
    for (std::size_t i = 0; i < all; ++i) widest[i % columns] = std::max(widest[i % columns], names[i]);
    if (std::accumulate(widest.begin(), widest.end(), 0) <= width()) return static_cast<int>(columns);
  }
  return 1;
}

void SeriesPlot::fit_words() {
  // The legend is above the plot, so that it hides no line, in as few rows as possible.
  const QFontMetrics metrics(legend->font());
  const int columns = legend_columns();
  if (columns != legend->wrap()) {
    legend->setWrap(columns);
    legend->setFillOrder(QCPLegend::foColumnsFirst, true);
  }
  // If the plot is too low for its label, show only the unit, then nothing.
  xAxis->setLabel(height() >= kRoomForXLabel ? x_label_ : QString());
  const int room = height() - (xAxis->label().isEmpty() ? 1 : 2) * metrics.height() -
                   (legend->visible() ? metrics.height() : 0) - spacing::kMedium;
  const auto unit = y_label_.section(QStringLiteral(", "), -1);
  const auto fits = [&](const QString& text) { return metrics.horizontalAdvance(text) <= room; };
  yAxis->setLabel(fits(y_label_) ? y_label_ : fits(unit) ? unit : QString());
}

void SeriesPlot::resizeEvent(QResizeEvent* event) {
  place_legend();
  fit_words();
  VectorPlot::resizeEvent(event);
}
void SeriesPlot::set_y_range(std::optional<std::array<double, 2>> range) { y_range_ = range; }

void SeriesPlot::set_legend_visible(bool visible) {
  legend_wanted_ = visible;
  place_legend();
  fit_words();
}

void SeriesPlot::place_legend() {
  const int lines = (legend->itemCount() + legend_columns() - 1) / legend_columns();
  const int taken = lines * QFontMetrics(legend->font()).height();
  const bool shown =
      legend_wanted_ && legend->itemCount() > 0 && height() >= kRoomForLegend && taken <= height() * kMostForLegend;
  legend->setVisible(shown);
  if (shown && plotLayout()->rowCount() == 1) {
    axisRect()->insetLayout()->take(legend);
    plotLayout()->insertRow(0);
    plotLayout()->addElement(0, 0, legend);
    plotLayout()->setRowStretchFactor(0, 0.001);
    plotLayout()->setRowSpacing(spacing::kTiny);  // for the highest tick's label
  } else if (!shown && plotLayout()->rowCount() == 2) {
    // If it is hidden it takes no row.
    plotLayout()->take(legend);
    axisRect()->insetLayout()->addElement(legend, Qt::AlignTop | Qt::AlignRight);
    plotLayout()->simplify();
  }
}

void SeriesPlot::set_frames(qint64 current, qint64 hovered) {
  const auto place = [](QCPItemStraightLine* line, qint64 frame) {
    line->setVisible(frame >= 0);
    line->point1->setCoords(static_cast<double>(frame), 0);
    line->point2->setCoords(static_cast<double>(frame), 1);
  };
  place(current_, current);
  place(hovered_, hovered == current ? -1 : hovered);
  layer(QStringLiteral("cursor"))->replot();
}

QStringList SeriesPlot::readout(qint64 frame) const {
  QStringList texts;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (!lines_[i].in_readout) continue;
    const double shown = value(i, frame);
    texts << tr("%1: %2").arg(lines_[i].name,
                              std::isnan(shown) ? format_number(shown) : format_fixed(shown, decimals_));
  }
  return texts;
}

void SeriesPlot::show_all() {
  moved_ = false;
  fit();
}

void SeriesPlot::fit() {
  bool found = false;
  QCPRange keys(0, 1), values(0, 1);
  for (std::size_t line = 0; line < graphs_.size(); ++line) {
    if (lines_[line].hidden) continue;
    bool has_keys = false, has_values = false;
    QCPRange key, value;
    if (over_frames_) {
      const auto known = known_frames(columns_[line]);
      has_keys = has_values = known.has_value();
      if (known) {
        const auto extent = columns_[line].all();
        key = *known;
        value = QCPRange(static_cast<double>(extent.min), static_cast<double>(extent.max));
      }
    } else {
      key = graphs_[line]->getKeyRange(has_keys);
      value = graphs_[line]->getValueRange(has_values);
    }
    if (!has_keys || !has_values) continue;
    if (found) {
      keys.expand(key);
      values.expand(value);
    } else {
      keys = key;
      values = value;
    }
    found = true;
  }
  if (over_frames_) keys = QCPRange(keys.lower - 0.5, keys.upper + 0.5);
  xAxis->setRange(keys);
  if (y_range_) {
    yAxis->setRange((*y_range_)[0], (*y_range_)[1]);
  } else {
    const double room = std::max(values.size() * 0.06, 1e-9);
    // Areas start at zero.
    const bool areas = !lines_.empty() && lines_.front().filled;
    yAxis->setRange(areas ? 0 : values.lower - room, values.upper + room);
  }
  replot(QCustomPlot::rpQueuedReplot);
}

qint64 SeriesPlot::frame_at(const QPoint& point) const {
  if (!over_frames_ || columns_.empty() || !axisRect()->rect().contains(point)) return -1;
  const auto frames = columns_.front().size();
  const auto frame = static_cast<qint64>(std::llround(xAxis->pixelToCoord(point.x())));
  return frame >= 0 && frame < frames ? frame : -1;
}

void SeriesPlot::mousePressEvent(QMouseEvent* event) {
  pressed_ = event->pos();
  QCustomPlot::mousePressEvent(event);
}

void SeriesPlot::mouseMoveEvent(QMouseEvent* event) {
  QCustomPlot::mouseMoveEvent(event);
  if (event->buttons() != Qt::NoButton) {
    moved_ = moved_ || (event->pos() - pressed_).manhattanLength() > kPointReach;
    return;
  }
  const auto frame = frame_at(event->pos());
  Q_EMIT frame_hovered(frame);
  if (frame < 0) return QToolTip::hideText();
  auto texts = readout(frame);
  texts.prepend(tr("frame %1").arg(format_count(frame)));
  QToolTip::showText(event->globalPosition().toPoint(), texts.join(u'\n'), this);
}

void SeriesPlot::mouseReleaseEvent(QMouseEvent* event) {
  QCustomPlot::mouseReleaseEvent(event);
  if (event->button() != Qt::LeftButton || (event->pos() - pressed_).manhattanLength() > kPointReach) return;
  const auto frame = frame_at(event->pos());
  if (frame >= 0) Q_EMIT frame_chosen(frame);
}

void SeriesPlot::mouseDoubleClickEvent(QMouseEvent*) { show_all(); }

void SeriesPlot::leaveEvent(QEvent* event) {
  Q_EMIT frame_hovered(-1);
  QCustomPlot::leaveEvent(event);
}

}  // namespace deer
