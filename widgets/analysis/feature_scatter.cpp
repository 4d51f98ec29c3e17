// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/analysis/feature_scatter.h"

#include <QToolTip>
#include <algorithm>
#include <cmath>

#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/base/tickers.h"

namespace deer {
namespace {

constexpr double kReachPx = 10;
constexpr double kRadiusPx = 3.5;
constexpr int kClickPx = 4;  // a press that moved farther is a drag

}  // namespace

class FeatureScatter::Layer : public QCPLayerable {
 public:
  Layer(FeatureScatter* plot, const QString& layer) : QCPLayerable(plot, layer), plot_(plot) {}

 protected:
  QRect clipRect() const override { return plot_->axisRect()->rect(); }
  void applyDefaultAntialiasingHint(QCPPainter* painter) const override { painter->setAntialiasing(true); }
  void draw(QCPPainter* painter) override {
    const auto& colors = Theme::instance().colors();
    int ringed = -1;
    for (std::size_t i = 0; i < plot_->points_.size(); ++i) {
      const auto& point = plot_->points_[i];
      if (point.frame == plot_->current_) ringed = static_cast<int>(i);
      painter->setPen(QPen(colors.background, 0.5));
      painter->setBrush(point.colour);
      painter->drawEllipse(plot_->pixel_of(i), kRadiusPx, kRadiusPx);
    }
    if (ringed < 0) return;
    const auto at = plot_->pixel_of(static_cast<std::size_t>(ringed));
    painter->setBrush(plot_->points_[static_cast<std::size_t>(ringed)].colour);
    painter->setPen(QPen(colors.accent, 2));
    painter->drawEllipse(at, kRadiusPx + 3, kRadiusPx + 3);
  }

 private:
  FeatureScatter* plot_;
};

FeatureScatter::FeatureScatter(QWidget* parent) : VectorPlot(parent) {
  setAccessibleName(tr("Map of features"));
  setMouseTracking(true);
  setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
  addLayer(QStringLiteral("points"), layer(QStringLiteral("main")));
  new Layer(this, QStringLiteral("points"));
  for (auto* const axis : {xAxis, yAxis}) {
    axis->setTicker(QSharedPointer<NumberTicker>::create());
    axis->ticker()->setTickCount(4);
  }
  xAxis->setLabel(tr("first direction"));
  yAxis->setLabel(tr("second direction"));
  const auto restyle = [this] {
    style_axes();
    replot(QCustomPlot::rpQueuedReplot);
  };
  connect(&Theme::instance(), &Theme::changed, this, restyle);
  restyle();
}

void FeatureScatter::set_points(std::vector<Point> points, bool fit) {
  fit = fit || points.size() != points_.size();
  points_ = std::move(points);
  if (fit) fit_view();
  replot(QCustomPlot::rpQueuedReplot);
}

void FeatureScatter::set_current(qint64 frame) {
  // Nobody sees it move while it is hidden; showEvent() catches up.
  if (std::exchange(current_, frame) != frame && isVisible()) replot(QCustomPlot::rpQueuedReplot);
}

QPointF FeatureScatter::pixel_of(std::size_t point) const {
  const auto& place = points_[point].place;
  return {xAxis->coordToPixel(static_cast<double>(place[0])), yAxis->coordToPixel(static_cast<double>(place[1]))};
}

void FeatureScatter::fit_view() {
  if (points_.empty()) return;
  for (std::size_t k = 0; k < 2; ++k) {
    const auto [low, high] =
        std::ranges::minmax_element(points_, {}, [k](const Point& point) { return point.place[k]; });
    const double least = static_cast<double>(low->place[k]), most = static_cast<double>(high->place[k]);
    const double margin = std::max(0.06 * (most - least), 1e-6);
    (k == 0 ? xAxis : yAxis)->setRange(least - margin, most + margin);
  }
}

int FeatureScatter::nearest(const QPointF& place) const {
  int found = -1;
  double best = kReachPx;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    const auto away = pixel_of(i) - place;
    const double distance = std::hypot(away.x(), away.y());
    if (distance <= best) {
      best = distance;
      found = static_cast<int>(i);
    }
  }
  return found;
}

void FeatureScatter::mousePressEvent(QMouseEvent* event) {
  pressed_ = event->pos();
  QCustomPlot::mousePressEvent(event);
}

void FeatureScatter::mouseReleaseEvent(QMouseEvent* event) {
  QCustomPlot::mouseReleaseEvent(event);
  if (event->button() != Qt::LeftButton || (event->pos() - pressed_).manhattanLength() > kClickPx) return;
  if (const int found = nearest(event->position()); found >= 0) {
    Q_EMIT frame_chosen(points_[static_cast<std::size_t>(found)].frame);
  }
}

void FeatureScatter::mouseMoveEvent(QMouseEvent* event) {
  QCustomPlot::mouseMoveEvent(event);
  if (event->buttons() != Qt::NoButton) return;
  const int found = nearest(event->position());
  if (found < 0) return QToolTip::hideText();
  QToolTip::showText(event->globalPosition().toPoint(), points_[static_cast<std::size_t>(found)].text, this);
}

void FeatureScatter::showEvent(QShowEvent* event) {
  QCustomPlot::showEvent(event);
  replot(QCustomPlot::rpQueuedReplot);
}

void FeatureScatter::mouseDoubleClickEvent(QMouseEvent* event) {
  QCustomPlot::mouseDoubleClickEvent(event);
  fit_view();
  replot(QCustomPlot::rpQueuedReplot);
}

}  // namespace deer
