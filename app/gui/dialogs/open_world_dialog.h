// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDialog>

#include "app/gui/start/world.h"

class QLabel;
class QPushButton;
class QSpinBox;

namespace deer {

class InstructionBox;

/// Asks for the task, as text, and for the seed of the simulated world.
class OpenWorldDialog : public QDialog {
  Q_OBJECT

 public:
  /// `before` is filled in; `has_model` says whether there is one to move the arm.
  OpenWorldDialog(const WorldChoice& before, bool has_model, QWidget* parent = nullptr);

  WorldChoice choice() const;

 private:
  void update_note();

  bool has_model_;
  InstructionBox* instruction_;
  QSpinBox* seed_;
  QLabel* note_;
  QPushButton* open_;
};

}  // namespace deer
