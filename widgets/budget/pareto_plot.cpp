// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/budget/pareto_plot.h"

#include <QToolTip>
#include <algorithm>
#include <cmath>

#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/base/tickers.h"

namespace deer {
namespace {

constexpr double kReach = 8;  // pixels from a mark at which its tip shows

}  // namespace

ParetoPlot::ParetoPlot(QWidget* parent) : VectorPlot(parent) {
  setAccessibleName(tr("Cost against action error"));
  setMouseTracking(true);
  setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
  family_ = new QCPCurve(xAxis, yAxis);
  optimal_ = new QCPCurve(xAxis, yAxis);
  saved_ = addGraph();
  exact_ = addGraph();
  estimate_ = addGraph();
  for (auto* const graph : {saved_, exact_, estimate_}) graph->setLineStyle(QCPGraph::lsNone);
  family_->setAntialiased(true);
  optimal_->setAntialiased(true);
  optimal_->setName(tr("least error found"));
  saved_->setName(tr("saved"));
  exact_->setName(tr("this episode, exact"));
  estimate_->setName(tr("estimate"));
  for (auto* const axis : {xAxis, yAxis}) {
    axis->setTicker(QSharedPointer<NumberTicker>::create());
    axis->ticker()->setTickCount(4);
  }
  legend->setVisible(true);
  legend->setBorderPen(Qt::NoPen);
  legend->setRowSpacing(0);
  legend->setIconSize(16, 12);
  axisRect()->insetLayout()->setInsetAlignment(0, Qt::AlignTop | Qt::AlignRight);
  connect(xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, [this] {
    if (QGuiApplication::mouseButtons() != Qt::NoButton) moved_ = true;
  });
  connect(this, &QCustomPlot::mouseWheel, this, [this] { moved_ = true; });
  connect(&Theme::instance(), &Theme::changed, this, [this] {
    restyle();
    replot(QCustomPlot::rpQueuedReplot);
  });
  restyle();
}

void ParetoPlot::restyle() {
  const auto& colors = Theme::instance().colors();
  style_axes();
  legend->setBrush(Qt::NoBrush);
  family_->setPen(QPen(colors.recorded, 1.5));
  optimal_->setPen(QPen(colors.muted_text, 1.5, Qt::DashLine));
  const auto mark = [](QCPGraph* graph, QCPScatterStyle::ScatterShape shape, const QColor& line, const QColor& fill,
                       double size) {
    graph->setScatterStyle({shape, QPen(line, 1.5), QBrush(fill), size});
  };
  mark(saved_, QCPScatterStyle::ssDiamond, colors.recorded, colors.background, 8);
  mark(exact_, QCPScatterStyle::ssDisc, colors.text, colors.text, 9);
  mark(estimate_, QCPScatterStyle::ssCircle, colors.text, colors.background, 9);
}

void ParetoPlot::set_axes(const QString& cost, const QString& error) {
  xAxis->setLabel(cost);
  yAxis->setLabel(error);
}

void ParetoPlot::set_curves(const std::vector<ParetoPoint>& family, const std::vector<ParetoPoint>& optimal,
                            const QString& family_name) {
  const auto fill = [](QCPCurve* curve, const std::vector<ParetoPoint>& points) {
    QVector<double> t, x, y;
    for (const auto& point : points) {
      if (!std::isfinite(point.cost) || !std::isfinite(point.error)) continue;
      t << static_cast<double>(t.size());
      x << point.cost;
      y << point.error;
    }
    curve->setData(t, x, y, true);
  };
  fill(family_, family);
  fill(optimal_, optimal);
  family_->setName(family_name);
  const auto listed = [this](QCPAbstractPlottable* plottable, bool wanted) {
    const bool there = legend->hasItemWithPlottable(plottable);
    if (wanted && !there) plottable->addToLegend();
    if (!wanted && there) plottable->removeFromLegend();
  };
  listed(family_, !family.empty());
  listed(optimal_, !optimal.empty());
  listed(saved_, !saved_points_.empty());
  moved_ = false;
  fit();
}

void ParetoPlot::show_point(QCPGraph* graph, const std::optional<Point>& point) {
  QVector<double> x, y;
  if (point && std::isfinite(point->cost) && std::isfinite(point->error)) {
    x << point->cost;
    y << point->error;
  }
  graph->setData(x, y, true);
  replot(QCustomPlot::rpQueuedReplot);
}

void ParetoPlot::set_estimate(std::optional<Point> point) {
  estimate_point_ = std::move(point);
  show_point(estimate_, estimate_point_);
}

void ParetoPlot::set_exact(std::optional<Point> point) {
  exact_point_ = std::move(point);
  show_point(exact_, exact_point_);
}

void ParetoPlot::set_saved(std::vector<Point> points) {
  saved_points_ = std::move(points);
  QVector<double> x, y;
  for (const auto& point : saved_points_) {
    x << point.cost;
    y << point.error;
  }
  saved_->setData(x, y);
  const bool there = legend->hasItemWithPlottable(saved_);
  if (!saved_points_.empty() && !there) saved_->addToLegend();
  if (saved_points_.empty() && there) saved_->removeFromLegend();
  replot(QCustomPlot::rpQueuedReplot);
}

void ParetoPlot::reset_view() {
  moved_ = false;
  fit();
}

void ParetoPlot::fit() {
  if (!moved_) {
    rescaleAxes();
    for (auto* const axis : {xAxis, yAxis}) {
      const auto range = axis->range();
      const double room = std::max(range.size() * 0.08, 1e-9);
      axis->setRange(range.lower - room, range.upper + room);
    }
  }
  replot(QCustomPlot::rpQueuedReplot);
}

QString ParetoPlot::text_at(const QPoint& place) const {
  const auto near = [&](double cost, double error) {
    return std::hypot(xAxis->coordToPixel(cost) - place.x(), yAxis->coordToPixel(error) - place.y()) <= kReach;
  };
  const auto text = [this](const QString& name, double cost, double error) {
    return tr("%1: %2 %3, error %4").arg(name, format_number(cost), xAxis->label(), format_number(error));
  };
  if (exact_point_ && near(exact_point_->cost, exact_point_->error)) {
    return text(exact_->name(), exact_point_->cost, exact_point_->error);
  }
  if (estimate_point_ && near(estimate_point_->cost, estimate_point_->error)) {
    return text(estimate_->name(), estimate_point_->cost, estimate_point_->error);
  }
  for (const auto& point : saved_points_) {
    if (near(point.cost, point.error)) return text(point.name, point.cost, point.error);
  }
  for (const auto* const curve : {family_, optimal_}) {
    for (const auto& point : *curve->data()) {
      if (near(point.key, point.value)) return text(curve->name(), point.key, point.value);
    }
  }
  return {};
}

void ParetoPlot::mouseMoveEvent(QMouseEvent* event) {
  QCustomPlot::mouseMoveEvent(event);
  if (event->buttons() != Qt::NoButton) return;
  const auto text = text_at(event->pos());
  text.isEmpty() ? QToolTip::hideText() : QToolTip::showText(event->globalPosition().toPoint(), text, this);
}

void ParetoPlot::mouseDoubleClickEvent(QMouseEvent*) { reset_view(); }

}  // namespace deer
