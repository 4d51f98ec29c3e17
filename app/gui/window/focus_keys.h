// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>

class QWidget;

namespace deer {

/// Leaves keys to the focused control of a window where it needs them itself, although they are shortcuts elsewhere.
class FocusKeys : public QObject {
  Q_OBJECT

 public:
  explicit FocusKeys(QWidget* window);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  QWidget* window_;
};

}  // namespace deer
