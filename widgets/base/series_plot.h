// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <array>
#include <optional>
#include <span>
#include <vector>

#include "widgets/base/min_max_column.h"
#include "widgets/base/vector_plot.h"

namespace deer {

/// Lines over frames in the theme's colours, with the session's cursor: wheel zooms at the pointer, drag pans, a click
/// chooses a frame, double click shows everything. Extremes stay visible however many frames share a pixel.
class SeriesPlot : public VectorPlot {
  Q_OBJECT

 public:
  enum class Ink { exit, recorded, muted, accent, warning, error, text, shade, run };

  struct Line {
    QString name;  ///< shown in legend and readout
    Ink ink = Ink::text;
    int exit = -1;  ///< for Ink::exit: index among `exits`; for Ink::run: Theme::run_color()
    int exits = 0;
    double width = 1;
    Qt::PenStyle style = Qt::SolidLine;
    double shade = 0.25;  ///< for Ink::shade: share of the muted text colour in the background
    /// Filled, opaque, down to the previous line or, for the first line, to zero.
    bool filled = false;
    bool steps = false;   ///< a value is constant until the next frame
    bool hidden = false;  ///< not drawn: only in the readout
    bool in_legend = true;
    bool in_readout = true;
  };

  explicit SeriesPlot(QWidget* parent = nullptr);

  /// Clears all values.
  void set_lines(std::vector<Line> lines);
  const std::vector<Line>& lines() const { return lines_; }
  /// Values of frames from 0 on; NaN is a gap.
  void set_values(std::size_t line, std::span<const float> values);
  /// One value; may extend the line.
  void set_value(std::size_t line, qint64 frame, float value);
  /// Values at these increasing positions, for lines that are not over frames.
  void set_points(std::size_t line, std::span<const float> x, std::span<const float> y);
  /// NaN outside the given values. Only after set_values().
  double value(std::size_t line, qint64 frame) const;
  /// Shows the values; fits the view unless the user has moved it.
  void refresh();

  void set_x_label(const QString& label);
  void set_y_label(const QString& label);  ///< with its unit
  /// A fixed range of values; empty: fitted.
  void set_y_range(std::optional<std::array<double, 2>> range);
  void set_frames(qint64 current, qint64 hovered);  ///< -1: none
  void set_decimals(int decimals) { decimals_ = decimals; }
  void set_legend_visible(bool visible);
  /// Every line of the readout at a frame: "exit 1: 0.942".
  QStringList readout(qint64 frame) const;
  void show_all();

  QSize sizeHint() const override { return {360, 140}; }
  QSize minimumSizeHint() const override { return {140, 84}; }

 Q_SIGNALS:
  void frame_chosen(qint64 frame);
  void frame_hovered(qint64 frame);  ///< -1: the pointer has left

 protected:
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;

 private:
  void restyle();
  void place_legend();
  void fit_words();  ///< fits legend and labels to the size
  int legend_columns() const;
  void fit();
  void fill_graphs();
  void fill_graph(std::size_t line, qint64 first, qint64 last, qint64 step);
  std::optional<QCPRange> known_frames(const MinMaxColumn& column) const;
  QColor color_of(const Line& line) const;
  qint64 frame_at(const QPoint& point) const;

  std::vector<Line> lines_;
  std::vector<QCPGraph*> graphs_;
  std::vector<MinMaxColumn> columns_;  ///< by line; the visible part is passed to the graphs, one point per pixel
  bool stale_ = false;                 ///< the graphs do not match columns_
  QCPRange filled_range_;
  int filled_width_ = 0;
  QCPItemStraightLine* current_;
  QCPItemStraightLine* hovered_;
  std::optional<std::array<double, 2>> y_range_;
  bool over_frames_ = true;
  bool moved_ = false;  ///< moved by the user: not fitted again
  bool legend_wanted_ = true;
  int decimals_ = 3;
  QPoint pressed_;
  QString x_label_, y_label_;
};

}  // namespace deer
