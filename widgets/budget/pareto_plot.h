// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <optional>
#include <vector>

#include "core/budget/optimal_thresholds.h"
#include "widgets/base/vector_plot.h"

namespace deer {

/// Mean cost against mean action error: the curve of an exit distribution, the least error that was found, where the
/// solution lies, what the policy really did, and points that a person saved. Wheel zooms, drag pans, double click
/// resets, as in every plot.
class ParetoPlot : public VectorPlot {
  Q_OBJECT

 public:
  struct Point {
    double cost = 0;
    double error = 0;
    QString name;
  };

  explicit ParetoPlot(QWidget* parent = nullptr);

  void set_axes(const QString& cost, const QString& error);
  void set_curves(const std::vector<ParetoPoint>& family, const std::vector<ParetoPoint>& optimal,
                  const QString& family_name);
  void set_estimate(std::optional<Point> point);
  void set_exact(std::optional<Point> point);
  void set_saved(std::vector<Point> points);
  const std::vector<Point>& saved() const { return saved_points_; }
  void reset_view();

  QSize sizeHint() const override { return {240, 190}; }
  QSize minimumSizeHint() const override { return {160, 150}; }

 protected:
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;

 private:
  void restyle();
  void show_point(QCPGraph* graph, const std::optional<Point>& point);
  void fit();
  QString text_at(const QPoint& place) const;

  QCPCurve* family_;
  QCPCurve* optimal_;
  QCPGraph* saved_;
  QCPGraph* estimate_;
  QCPGraph* exact_;
  std::vector<Point> saved_points_;
  std::optional<Point> estimate_point_;
  std::optional<Point> exact_point_;
  bool moved_ = false;  ///< by the person: not fitted again
};

}  // namespace deer
