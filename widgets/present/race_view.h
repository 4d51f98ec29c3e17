// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QWidget>
#include <array>
#include <vector>

#include "sessions/race/race.h"

class QComboBox;
class QHBoxLayout;
class QLabel;
class QSlider;
class QToolButton;

namespace deer {

/// A race for an audience: for each side the camera picture, a stack of the model's layers that lights up to the depth
/// of each step, meters of compute and time, and how it ended; below both what was saved, in a sentence. Everything
/// scales with the widget.
class RaceView : public QWidget {
  Q_OBJECT

 public:
  /// `race` must outlive the view.
  explicit RaceView(const Race* race, QWidget* parent = nullptr);

  /// Names of the policies that either side can run, and which they do.
  void set_policies(const QStringList& names, std::array<int, Race::kSides> chosen);
  std::array<int, Race::kSides> chosen() const;
  void choose(int side, int policy);
  /// A slider of mean depths in layers, for the policy on the right; hidden until this is called.
  void set_depths(double least, double most, double now);
  enum class Video { none, saving, saved };
  void set_video(Video state);  ///< of the race that is shown
  /// At the beginning of the row of controls.
  void add_control(QWidget* control);

  // Texts as shown.
  QString sentence() const;              ///< what was saved, and whether the task was done
  QString state_text(int side) const;    ///< "done after 87 steps"
  QString compute_text(int side) const;  ///< "1.23 GFLOPs"
  QString time_text(int side) const;     ///< "2.10 s"

  // Positions of the last painting.
  QRect picture_rect(int side) const { return places_[static_cast<std::size_t>(side)].picture; }
  QRect stack_rect(int side) const { return places_[static_cast<std::size_t>(side)].stack; }
  bool texts_fit() const { return texts_fit_; }

 Q_SIGNALS:
  void policies_chosen();
  void depth_wanted(double layers);
  void again_requested();
  void other_table_requested();
  void video_requested();
  void leave_requested();

 protected:
  bool event(QEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;

 private:
  struct Places {
    QRect box, state, picture, stack;
    std::array<QRect, 2> meters;  ///< compute, time
  };

  void refresh();
  void restyle();
  void place();
  void paint_side(QPainter& painter, int side);
  void paint_stack(QPainter& painter, const QRect& area, const RaceLane& lane);
  void paint_meter(QPainter& painter, const QRect& area, const QString& name, const QString& value, double share);
  void draw_text(QPainter& painter, const QRect& area, int flags, const QString& text);

  const Race* race_;
  std::array<QImage, Race::kSides> pictures_;
  std::array<ImagePtr, Race::kSides> sources_;
  std::array<QComboBox*, Race::kSides> boxes_{};
  QWidget* controls_;
  QHBoxLayout* row_;
  QToolButton* video_ = nullptr;
  QSlider* depth_ = nullptr;
  QLabel* depth_text_ = nullptr;
  std::array<Places, Race::kSides> places_;
  QRect sentence_place_;
  int text_px_ = 0;
  bool texts_fit_ = true;
};

}  // namespace deer
