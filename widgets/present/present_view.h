// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QWidget>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "widgets/present/present_layout.h"

class QTimer;

namespace deer {

/// Values that a stage shows for one frame.
struct PresentFrame {
  qint64 frame = -1;
  QImage picture;                                            ///< of the static camera; null: `note` is shown instead
  QString note;                                              ///< "Loading frame 12…"
  int depth = 0;                                             ///< layers; 0: not evaluated
  int exit_index = -1;                                       ///< determines the colour; -1: not an exit
  double saving = std::numeric_limits<double>::quiet_NaN();  ///< factor compared with full depth; NaN: unknown
  bool saving_in_layers = false;                             ///< counted in layers, not operations
  bool saving_is_possible = false;                           ///< every exit was run: it would be saved, and was not
  struct Tasks {
    int done = 0;
    int ended = 0;  ///< done or failed
    bool operator==(const Tasks&) const = default;
  };
  std::optional<Tasks> tasks;  ///< empty: unknown, the instruction is shown instead
  QString instruction;
  QString problem;  ///< problem in one line; empty if there is none
};

/// A stage for an audience: the camera image, depth, saving and success in large type, and a bar that fills with the
/// depth of each frame. Everything scales with the widget; no text is cut off.
class PresentView : public QWidget {
  Q_OBJECT

 public:
  explicit PresentView(QWidget* parent = nullptr);

  /// The model's layers and the depths of its exits, shallow to deep; 0 and empty without a model.
  void set_model(int layers, std::vector<int> exit_depths);
  /// Starts an episode of this many frames without depths. `growing`: more frames may follow.
  void start_anew(qint64 frames, bool growing);
  void grow(qint64 frames);
  /// Layers by frame from `first` on; 0: not evaluated. Inside the episode.
  void set_depths(qint64 first, std::span<const quint16> depths);
  void set_frame(PresentFrame frame);
  const PresentFrame& frame() const { return frame_; }

  /// Shows for a few seconds at the lower edge how to leave.
  void show_hint(const QString& text);

  // Texts as shown.
  QString depth_text() const;    ///< "depth 4 of 12"
  QString saving_text() const;   ///< "3.6× less LLM compute"
  QString success_text() const;  ///< "tasks done 5 of 6", or the instruction

  // Positions of the last painting, in widget coordinates.
  QRect picture_rect() const { return layout_.picture; }
  QRect bar_rect() const { return layout_.bar; }
  const std::vector<QRect>& text_rects() const { return layout_.texts; }  ///< of every text; none overlap
  bool text_fits() const { return !layout_.cut; }                         ///< no text is larger than its area
  int number_pixels() const { return layout_.number_px; }                 ///< type size of the numbers
  int word_pixels() const { return layout_.word_px; }
  QColor stage_color() const;  ///< black in the dark theme, white in the light one

  QSize sizeHint() const override { return {1280, 800}; }
  QSize minimumSizeHint() const override { return {320, 200}; }

 Q_SIGNALS:
  void leave_requested();      ///< by Esc or a double click
  void painted(qint64 frame);  ///< at the end of painting a frame with its picture

 protected:
  void paintEvent(QPaintEvent* event) override;
  bool event(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  bool focusNextPrevChild(bool next) override;

 private:
  std::vector<PresentBlock> blocks() const;
  QString layout_key() const;
  void draw_text(QPainter& painter, const QRect& area, int flags, const QString& text);
  void paint_picture(QPainter& painter);
  void paint_block(QPainter& painter, const PresentBlock& block, const QRect& at);
  void paint_bar(QPainter& painter) const;
  void paint_legend(QPainter& painter);
  void paint_line(QPainter& painter);
  QColor color_of_depth(int depth) const;

  PresentFrame frame_;
  double aspect_ = 1;  ///< of the newest image
  int layers_ = 0;
  std::vector<int> exit_depths_;
  std::vector<quint16> depths_;
  bool growing_ = false;
  QString hint_;
  QTimer* hint_timer_;
  QTimer* pointer_timer_;
  QString laid_out_for_;
  PresentLayout layout_;
};

}  // namespace deer
