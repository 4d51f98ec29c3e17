// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>
#include <vector>

namespace deer {

/// Number of frames per exit: one bar per exit in its colour, with its number and share, and perhaps an estimate of it.
class ExitHistogram : public QWidget {
  Q_OBJECT

 public:
  explicit ExitHistogram(QWidget* parent = nullptr);

  /// Counts shallow to deep. `current` is false while a changed policy is being applied: bars are then hatched.
  void set_counts(std::vector<qint64> counts, bool current);
  /// Expected shares of the exits, 0 to 1, drawn as outlines over the bars; empty: none.
  void set_estimate(std::vector<double> shares);
  const std::vector<qint64>& counts() const { return counts_; }
  const std::vector<double>& estimate() const { return estimate_; }
  QRect bar(int exit_index) const;
  QRect outline(int exit_index) const;  ///< of the estimate; empty if there is none
  QRect label(int exit_index) const;    ///< of the share, clear of the outline's upper edge

  /// Bars can be clicked.
  void set_clickable(bool clickable);

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 Q_SIGNALS:
  void clicked(int exit_index);

 protected:
  void mouseReleaseEvent(QMouseEvent* event) override;
  void paintEvent(QPaintEvent* event) override;
  bool event(QEvent* event) override;

 private:
  QRect column(int exit_index) const;
  double tallest() const;  ///< share that fills the height
  QString text(int exit_index) const;

  std::vector<qint64> counts_;
  qint64 total_ = 0;
  std::vector<double> estimate_;
  bool current_ = true;
  bool clickable_ = false;
};

}  // namespace deer
