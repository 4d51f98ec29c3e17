// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "core/episodes/frame_source.h"
#include "widgets/base/vector_plot.h"

namespace deer {

class ActionLayer;
class CostLayer;
class CursorLayer;
class EventLayer;
class InstructionLayer;
class TimelineData;
struct TimelineCost;
struct TimelineMarks;

/// Draws TimelineData in tracks on one frame axis, with scrubbing, hovering, zooming and panning by mouse. Independent
/// of the session.
class TimelinePlot : public VectorPlot {
  Q_OBJECT

 public:
  enum class Track { instructions, events, depth, delta, regret, cost, action };

  /// `data` must outlive the plot.
  explicit TimelinePlot(const TimelineData* data, QWidget* parent = nullptr);
  ~TimelinePlot() override;

  /// The data belongs to another episode or model: resets the axes to show everything.
  void data_reset();
  /// There are more frames. If all frames were visible, they stay visible, with room for more.
  void data_grown();
  /// Values changed; redraws in the event loop.
  void data_changed();
  /// `outcomes`: by a span's first frame, whether its task was done.
  void set_spans(std::vector<InstructionSpan> spans, std::map<qint64, bool> outcomes = {});
  void set_marks(TimelineMarks marks);
  /// Scrubbing snaps to marks within a few pixels, unless Ctrl is held.
  void set_snaps(bool snaps) { snaps_ = snaps; }
  void set_regret_shown(bool shown);
  bool regret_shown() const { return regret_shown_; }
  /// Unit and allowance of the costs.
  void set_cost(TimelineCost cost);
  const TimelineCost& cost() const { return *spending_; }
  void set_action_dimension(int dimension, const QString& label);
  int action_dimension() const { return dimension_; }
  void set_frames(qint64 current, qint64 hovered);

  QCPRange visible_frames() const;  ///< frame k spans k - 0.5 to k + 0.5
  void set_visible_frames(QCPRange range);
  void zoom(double factor, double center_frame);
  void show_all();

  QRect track_rect(Track track) const;  ///< valid after the first drawing
  double x_of(qint64 frame) const;      ///< pixels
  double y_of(Track track, double value) const;

 Q_SIGNALS:
  void scrubbed(qint64 frame);
  void frame_hovered(qint64 frame);  ///< -1: the pointer has left
  void visible_changed();            ///< visible_frames()

 protected:
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  bool event(QEvent* event) override;

 private:
  enum class Drag { none, scrub, pan };

  QCPAxisRect* rect_of(Track track) const;
  void build_tracks();
  void fit_action_range();
  qint64 frame_at(double x) const;
  void scrub(const QMouseEvent* event);
  void show_tracks();
  QString tip_at(const QPoint& place) const;

  const TimelineData* data_;
  std::vector<QCPAxisRect*> rects_;  // by Track
  InstructionLayer* instructions_ = nullptr;
  EventLayer* events_ = nullptr;
  std::unique_ptr<TimelineMarks> marks_;
  bool snaps_ = false;
  bool regret_shown_ = true;
  CostLayer* cost_ = nullptr;
  std::unique_ptr<TimelineCost> spending_;
  ActionLayer* action_ = nullptr;
  CursorLayer* cursor_ = nullptr;
  int dimension_ = 0;
  QString action_name_;
  qint64 current_ = -1;
  qint64 room_ = 0;  ///< frames the axis reserves while more arrive
  Drag drag_ = Drag::none;
  double pan_from_x_ = 0;
  QCPRange pan_from_range_;
};

}  // namespace deer
