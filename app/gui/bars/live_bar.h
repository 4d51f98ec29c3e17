// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "sessions/session/session.h"

class QCheckBox;
class QLabel;
class QPushButton;

namespace deer {

class InstructionBox;

/// What a live run does and how fast, and what can be said to it. Hidden while what is open is recorded.
class LiveBar : public QWidget {
  Q_OBJECT

 public:
  explicit LiveBar(Session* session, QWidget* parent = nullptr);

  void edit_instruction();     ///< gives the keyboard to the instruction
  QString state_text() const;  ///< "Live", "Paused", "Ended"
  QString rate_text() const;   ///< "29.8 Hz"

 Q_SIGNALS:
  void newest_requested();

 private:
  void refresh();
  void restyle();

  Session* session_;
  QLabel* state_;
  QLabel* rate_;
  InstructionBox* instruction_;
  QPushButton* start_;
  QPushButton* stop_;
  QPushButton* newest_;
  QCheckBox* every_exit_;
};

}  // namespace deer
