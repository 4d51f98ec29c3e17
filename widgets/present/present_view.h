// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QWidget>
#include <limits>
#include <optional>
#include <span>
#include <vector>

class QTimer;

namespace deer {

/// What a stage shows of one frame: plain values.
struct PresentFrame {
  qint64 frame = -1;
  QImage picture;                                            ///< of the static camera; null: `note` in its place
  QString note;                                              ///< "Loading frame 12…"
  int depth = 0;                                             ///< layers; 0: not evaluated
  int exit_index = -1;                                       ///< gives the colour; -1: not an exit's
  double saving = std::numeric_limits<double>::quiet_NaN();  ///< times less than at full depth; NaN: not known
  bool saving_in_layers = false;                             ///< layers were counted, not operations
  struct Tasks {
    int done = 0;
    int ended = 0;  ///< done or failed
    bool operator==(const Tasks&) const = default;
  };
  std::optional<Tasks> tasks;  ///< none: nobody knows, and the instruction takes the place
  QString instruction;
  QString problem;  ///< what went wrong, in a line; empty if nothing did
};

/// A stage for people across a room: the camera's picture, depth, saving and success in large type, and a bar that
/// fills with the depth of each frame. Everything scales with the widget; no text is cut off.
class PresentView : public QWidget {
  Q_OBJECT

 public:
  explicit PresentView(QWidget* parent = nullptr);

  /// The model's layers and the depths of its exits, shallow to deep; 0 and none without a model.
  void set_model(int layers, std::vector<int> exit_depths);
  /// An episode of so many frames, none of which has a depth yet. `growing`: more may come.
  void start_anew(qint64 frames, bool growing);
  void grow(qint64 frames);
  /// Layers by frame from `first` on; 0: not evaluated. Inside the episode.
  void set_depths(qint64 first, std::span<const quint16> depths);
  void set_frame(PresentFrame frame);
  const PresentFrame& frame() const { return frame_; }

  /// A line at the lower edge for a few seconds: how to leave.
  void show_hint(const QString& text);

  // As shown.
  QString depth_text() const;    ///< "depth 4 of 12"
  QString saving_text() const;   ///< "3.6× less LLM compute"
  QString success_text() const;  ///< "tasks done 5 of 6", or the instruction

  // Where it is shown, in widget coordinates, as painted last.
  QRect picture_rect() const { return layout_.picture; }
  QRect bar_rect() const { return layout_.bar; }
  const std::vector<QRect>& text_rects() const { return layout_.texts; }  ///< of every text; none overlap
  bool text_fits() const { return !layout_.cut; }                         ///< none is larger than its place
  int number_pixels() const { return layout_.number_px; }                 ///< type size of the numbers
  int word_pixels() const { return layout_.word_px; }
  QColor stage_color() const;  ///< black in the dark theme, white in the light one

  QSize sizeHint() const override { return {1280, 800}; }
  QSize minimumSizeHint() const override { return {320, 200}; }

 Q_SIGNALS:
  void leave_requested();      ///< Esc, or a double click
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
  /// A number in large type with what it counts below.
  struct Block {
    QString number;  ///< empty: words alone, wrapped
    QString widest;  ///< room that the number keeps, so that nothing moves while it changes
    QString words;
    QStringList other_words;  ///< that may come to stand there
    QColor color;             ///< of the number
    bool strong = false;      ///< what the eye is to find first
  };
  struct Layout {
    QRect picture, bar, legend, instruction, line;
    std::vector<QRect> blocks;
    std::vector<QRect> texts;
    bool cut = false;
    int number_px = 0, word_px = 0, small_px = 0, instruction_px = 0;
  };

  std::vector<Block> blocks() const;
  QString layout_key() const;
  void make_layout();
  int stage_side() const;  ///< what sizes are a part of
  bool place_picture(Layout& layout, const QRect& body, bool above, double share, double least_ratio,
                     int least_px) const;
  bool place_blocks(Layout& layout, const QRect& area, double least_ratio, int least_px) const;
  QSize block_size(const Block& block, int number_px, int word_px, int room) const;
  void note_text(const QRect& used, const QRect& area);
  void draw_text(QPainter& painter, const QRect& area, int flags, const QString& text);
  void paint_picture(QPainter& painter);
  void paint_block(QPainter& painter, const Block& block, const QRect& at);
  void paint_bar(QPainter& painter) const;
  void paint_legend(QPainter& painter);
  void paint_line(QPainter& painter);
  QColor color_of_depth(int depth) const;
  int pixels(double points) const;

  PresentFrame frame_;
  double aspect_ = 1;  ///< of the newest picture
  int layers_ = 0;
  std::vector<int> exit_depths_;
  std::vector<quint16> depths_;
  bool growing_ = false;
  QString hint_;
  QTimer* hint_timer_;
  QTimer* pointer_timer_;
  QString laid_out_for_;
  Layout layout_;
};

}  // namespace deer
