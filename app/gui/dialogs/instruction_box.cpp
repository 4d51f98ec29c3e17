// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dialogs/instruction_box.h"

#include <QCompleter>
#include <QLineEdit>

#include "app/gui/start/world.h"

namespace deer {

InstructionBox::InstructionBox(QWidget* parent) : QComboBox(parent) {
  setAccessibleName(tr("Instruction"));
  setEditable(true);
  setInsertPolicy(NoInsert);
  setSizeAdjustPolicy(AdjustToMinimumContentsLengthWithIcon);
  setMinimumContentsLength(16);
  setMaxVisibleItems(20);
  const auto texts = known_instructions();
  addItems(texts.mid(0, known_tasks()));
  setCurrentIndex(-1);
  auto* const completer = new QCompleter(texts, this);
  completer->setCaseSensitivity(Qt::CaseInsensitive);
  completer->setFilterMode(Qt::MatchContains);
  completer->setMaxVisibleItems(12);
  // Not the box's own completer, which ignores completions that are not in the list.
  lineEdit()->setCompleter(completer);
  lineEdit()->setPlaceholderText(tr("open the drawer"));
  lineEdit()->setAccessibleName(accessibleName());
  connect(lineEdit(), &QLineEdit::returnPressed, this, &InstructionBox::entered);
  // Losing the focus activates a typed text that is in the list; only Return enters it.
  connect(this, &QComboBox::activated, this, [this] {
    if (lineEdit()->hasFocus()) Q_EMIT entered();
  });
}

}  // namespace deer
