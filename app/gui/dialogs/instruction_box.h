// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QComboBox>

namespace deer {

/// An instruction as free text: lists one phrasing of each known task, and completes all of them.
class InstructionBox : public QComboBox {
  Q_OBJECT

 public:
  explicit InstructionBox(QWidget* parent = nullptr);

  QString instruction() const { return currentText().trimmed(); }

 Q_SIGNALS:
  void entered();  ///< Return was pressed, or a task chosen from the list
};

}  // namespace deer
