// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <map>
#include <vector>

#include "core/episodes/frame_source.h"
#include "widgets/base/qcp.h"
#include "widgets/timeline/timeline_data.h"

namespace deer {

/// The visible frames in buckets of 2^k frames, at least a pixel wide and aligned to multiples of their size, so that
/// nothing flickers while panning.
struct Buckets {
  qint64 size = 1;
  qint64 first = 0;  ///< first frame of the first bucket
  int count = 0;
  qint64 frames = 0;

  static Buckets of(const QCPRange& visible, int pixels, qint64 frames);
  qint64 begin(int bucket) const { return first + bucket * size; }
  qint64 end(int bucket) const { return std::min(begin(bucket) + size, frames) - 1; }  ///< inclusive
};

/// Base of the layers that the timeline draws into one axis rectangle.
class TimelineLayer : public QCPLayerable {
  Q_OBJECT

 public:
  TimelineLayer(QCPAxisRect* rect, const TimelineData* data);

 protected:
  QCPAxis* x_axis() const { return rect_->axis(QCPAxis::atBottom); }
  QCPAxis* y_axis() const { return rect_->axis(QCPAxis::atLeft); }
  QCPAxisRect* rect() const { return rect_; }
  const TimelineData& data() const { return *data_; }
  Buckets buckets() const { return Buckets::of(x_axis()->range(), rect_->width(), data_->frames()); }
  /// Left edge of a frame in pixels, rounded: neighbours share it.
  int left_of(qint64 frame) const;
  double frame_width() const;
  /// By exit; the last for layers that are not exits.
  std::vector<QColor> exit_colors() const;
  QRect clipRect() const override { return rect_->rect(); }
  void applyDefaultAntialiasingHint(QCPPainter* painter) const override { painter->setAntialiasing(false); }

 private:
  QCPAxisRect* rect_;
  const TimelineData* data_;
};

/// Bars of exit depth in the exits' colours; hatched where there is no result yet. If a bucket has several depths, the
/// deepest is behind the shallowest. The depths of other runs are stepped lines over them.
class DepthLayer : public TimelineLayer {
  Q_OBJECT
 public:
  using TimelineLayer::TimelineLayer;

 protected:
  void draw(QCPPainter* painter) override;

 private:
  void draw_run(QCPPainter* painter, const Buckets& buckets, std::size_t run) const;
};

/// Exits by frames, coloured by the largest delta of each bucket; the exit taken is ringed.
class HeatLayer : public TimelineLayer {
  Q_OBJECT
 public:
  HeatLayer(QCPAxisRect* rect, const TimelineData* data);

 protected:
  void draw(QCPPainter* painter) override;

 private:
  void draw_taken(QCPPainter* painter, const Buckets& buckets);

  std::array<QRgb, 257> map_{};
  bool map_known_ = false;  ///< for the current theme
};

/// One action dimension: recorded as a thin neutral line, executed in the exits' colours above it.
class ActionLayer : public TimelineLayer {
  Q_OBJECT
 public:
  using TimelineLayer::TimelineLayer;
  void set_dimension(int dimension) { dimension_ = dimension; }

 protected:
  void draw(QCPPainter* painter) override;

 private:
  int dimension_ = 0;
};

/// Instructions as labelled stretches.
class InstructionLayer : public TimelineLayer {
  Q_OBJECT
 public:
  using TimelineLayer::TimelineLayer;
  /// `outcomes`: by a span's first frame, whether its task was done; absent where nobody knows.
  void set_spans(std::vector<InstructionSpan> spans, std::map<qint64, bool> outcomes) {
    spans_ = std::move(spans);
    outcomes_ = std::move(outcomes);
  }
  QString text_at(qint64 frame) const;

 protected:
  void draw(QCPPainter* painter) override;

 private:
  std::vector<InstructionSpan> spans_;
  std::map<qint64, bool> outcomes_;
};

/// The current and the hovered frame in all axis rectangles, on a separate layer.
class CursorLayer : public QCPLayerable {
  Q_OBJECT
 public:
  CursorLayer(QCustomPlot* plot, const QString& layer);
  void set(qint64 current, qint64 hovered);

 protected:
  void draw(QCPPainter* painter) override;
  void applyDefaultAntialiasingHint(QCPPainter* painter) const override { painter->setAntialiasing(false); }

 private:
  qint64 current_ = -1;
  qint64 hovered_ = -1;
};

}  // namespace deer
