// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QColor>
#include <array>
#include <vector>

#include "widgets/base/vector_plot.h"

namespace deer {

/// Points in a plane, one a frame, with the current frame ringed. Wheel zooms, drag pans, double click shows all; a
/// click chooses the nearest frame, the pointer over one shows its text.
class FeatureScatter : public VectorPlot {
  Q_OBJECT

 public:
  struct Point {
    qint64 frame = 0;
    std::array<float, 2> place{};
    QColor colour;
    QString text;
  };

  explicit FeatureScatter(QWidget* parent = nullptr);

  /// The view is fitted if the number of points changes or `fit` is set.
  void set_points(std::vector<Point> points, bool fit);
  const std::vector<Point>& points() const { return points_; }
  void set_current(qint64 frame);
  QPointF pixel_of(std::size_t point) const;

  QSize sizeHint() const override { return {320, 240}; }
  QSize minimumSizeHint() const override { return {160, 120}; }

 Q_SIGNALS:
  void frame_chosen(qint64 frame);

 protected:
  void mousePressEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  class Layer;

  void fit_view();
  int nearest(const QPointF& place) const;  ///< within reach; -1: none

  std::vector<Point> points_;
  qint64 current_ = -1;
  QPoint pressed_;
};

}  // namespace deer
