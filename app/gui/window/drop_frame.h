// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

namespace deer {

/// Takes files that are dropped on a window, and frames the window while they are dragged over it.
class DropFrame : public QWidget {
  Q_OBJECT

 public:
  explicit DropFrame(QWidget* window);

 Q_SIGNALS:
  void dropped(const QStringList& paths);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
  void paintEvent(QPaintEvent* event) override;

 private:
  void show_over_window();
};

}  // namespace deer
