// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dialogs/open_world_dialog.h"

#include <QDialogButtonBox>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QVBoxLayout>
#include <limits>

#include "app/gui/dialogs/instruction_box.h"
#include "app/gui/dialogs/plain_buttons.h"
#include "widgets/base/theme.h"

namespace deer {

OpenWorldDialog::OpenWorldDialog(const WorldChoice& before, bool has_model, QWidget* parent)
    : QDialog(parent), has_model_(has_model), instruction_(new InstructionBox), seed_(new QSpinBox), note_(new QLabel) {
  setWindowTitle(tr("Open simulated world"));
  setAccessibleName(windowTitle());
  instruction_->setMinimumWidth(380);
  instruction_->setCurrentText(before.instruction);
  seed_->setAccessibleName(tr("Seed"));
  seed_->setRange(0, std::numeric_limits<int>::max());
  seed_->setValue(static_cast<int>(std::min<quint64>(before.seed, quint64(seed_->maximum()))));
  seed_->setToolTip(tr("Another seed gives another table: colours, lights and block positions."));
  note_->setAccessibleName(tr("What will happen"));
  note_->setWordWrap(true);
  // Room for the longest note, so that typing moves nothing.
  note_->setMinimumHeight(4 * fontMetrics().lineSpacing());
  note_->setAlignment(Qt::AlignTop | Qt::AlignLeading);

  auto* const form = new QFormLayout;
  form->setHorizontalSpacing(spacing::kLarge);
  form->setVerticalSpacing(spacing::kSmall);
  form->addRow(tr("Task"), instruction_);
  form->addRow(tr("Seed"), seed_);
  auto* const buttons = new QDialogButtonBox(QDialogButtonBox::Open | QDialogButtonBox::Cancel);
  make_plain(buttons);
  open_ = buttons->button(QDialogButtonBox::Open);
  connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  connect(instruction_, &QComboBox::currentTextChanged, this, &OpenWorldDialog::update_note);
  auto* const layout = new QVBoxLayout(this);
  layout->setContentsMargins(spacing::kLarge, spacing::kLarge, spacing::kLarge, spacing::kLarge);
  layout->setSpacing(spacing::kLarge);
  layout->addLayout(form);
  layout->addWidget(note_);
  layout->addWidget(buttons);
  instruction_->lineEdit()->selectAll();
  update_note();
}

WorldChoice OpenWorldDialog::choice() const {
  return {instruction_->instruction(), static_cast<quint64>(seed_->value())};
}

void OpenWorldDialog::update_note() {
  const auto text = instruction_->instruction();
  open_->setEnabled(!text.isEmpty());
  QStringList parts;
  if (!has_model_) {
    parts << tr("No model is open. The world is shown, paused until you open a model and start the run.");
  }
  if (!text.isEmpty() && !is_known_instruction(text)) {
    parts << tr(
        "This is not a task this world can score. The model gets the instruction, but success is not detected.");
  } else if (has_model_) {
    parts << tr(
        "The model acts, at most 30 times a second. When the task is done, or after 360 steps, a new table is "
        "set.");
  }
  note_->setText(parts.join(u' '));
  auto palette = note_->palette();
  palette.setColor(QPalette::WindowText, Theme::instance().colors().muted_text);
  note_->setPalette(palette);
}

}  // namespace deer
