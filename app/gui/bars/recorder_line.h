// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

class QLabel;
class QToolButton;

namespace deer {

class Recorder;

/// What is being recorded or saved, how far it is, and a button that ends it. Hidden until there is something to say.
class RecorderLine : public QWidget {
  Q_OBJECT

 public:
  explicit RecorderLine(Recorder* recorder, QWidget* parent = nullptr);

  QString text() const;

 private:
  void refresh();
  void restyle();

  Recorder* recorder_;
  QLabel* mark_;
  QLabel* text_;
  QToolButton* stop_;
  QString last_;  ///< what was finished last
};

}  // namespace deer
