// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>
#include <vector>

namespace deer {

/// Number of frames per exit: one bar per exit in its colour, with its number and share.
class ExitHistogram : public QWidget {
  Q_OBJECT

 public:
  explicit ExitHistogram(QWidget* parent = nullptr);

  /// Counts shallow to deep. `current` is false while a changed policy is being applied: bars are then hatched.
  void set_counts(std::vector<qint64> counts, bool current);
  const std::vector<qint64>& counts() const { return counts_; }
  QRect bar(int exit_index) const;

  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;
  bool event(QEvent* event) override;

 private:
  QRect column(int exit_index) const;
  QString text(int exit_index) const;

  std::vector<qint64> counts_;
  qint64 total_ = 0;
  qint64 largest_ = 0;
  bool current_ = true;
};

}  // namespace deer
