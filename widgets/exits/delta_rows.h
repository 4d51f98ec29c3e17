// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QFont>
#include <QRect>
#include <QWidget>
#include <limits>
#include <optional>
#include <vector>

namespace deer {

/// The table of DeltaView: one row per exit, bars on the common delta scale.
class DeltaRows : public QWidget {
  Q_OBJECT

 public:
  enum class Decision {
    left,         ///< the exit taken
    went_on,      ///< evaluated, delta above the threshold
    not_reached,  ///< deeper than the exit taken; evaluated only because every exit was run
    beyond,       ///< deeper than the policy allows
  };

  struct Row {
    int exit_index = 0;
    int layer = 0;
    double delta = std::numeric_limits<double>::quiet_NaN();
    double threshold = std::numeric_limits<double>::quiet_NaN();
    Decision decision = Decision::not_reached;
    bool uses_threshold = true;  ///< false for the deepest allowed exit, which is always taken
    bool forced = false;         ///< the exit of this frame was forced

    /// Whether the model would stop here by the threshold; none if that is not known.
    std::optional<bool> would_stop() const;
  };

  explicit DeltaRows(QWidget* parent = nullptr);

  void set_rows(std::vector<Row> rows);
  const std::vector<Row>& rows() const { return rows_; }
  /// Frames the row of this exit; -1: none.
  void set_selected(int exit_index);
  int selected() const { return selected_; }
  /// Marks can be moved only if the criterion uses thresholds.
  void set_editable(bool editable);

  QRect bar_area(int row) const;  ///< area of a full-length bar
  int mark_x(int row) const;      ///< of the threshold mark; -1 if the row has none
  QString text(int row) const;    ///< text of the row, for tooltips and screen readers

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 Q_SIGNALS:
  void threshold_moved(int exit_index, double threshold);  ///< once, when the mark is released

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  bool event(QEvent* event) override;

 private:
  struct Columns {
    int width = -1;  // width, direction and font of the current layout
    Qt::LayoutDirection direction = Qt::LeftToRight;
    QFont font;
    QRect name, depth, bar, delta, threshold, would_stop, decision;  // of the heading row, left to right
  };

  const Columns& columns() const;
  QRect in_row(const QRect& column, int row) const;
  int row_height() const;
  int row_at(const QPoint& point) const;
  int mark_at(const QPoint& point) const;
  void paint_headings(QPainter* painter, const Columns& columns);
  void paint_row(QPainter* painter, const Columns& columns, int row);
  void paint_scale(QPainter* painter, const Columns& columns);

  std::vector<Row> rows_;
  mutable Columns columns_;
  bool editable_ = true;
  int selected_ = -1;
  int dragged_ = -1;
};

}  // namespace deer
