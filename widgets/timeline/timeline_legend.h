// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

namespace deer {

/// Legend of the timeline's colours: exits, the delta scale, hatching.
class TimelineLegend : public QWidget {
  Q_OBJECT

 public:
  explicit TimelineLegend(QWidget* parent = nullptr);
  void set_exits(int exits);
  int least_width() const;  ///< of its first entry; narrower, it is empty

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  int exits_ = 0;
};

}  // namespace deer
