// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dialogs/open_video_dialog.h"

#include <QDialogButtonBox>
#include <QFileDialog>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QPushButton>
#include <QVBoxLayout>

#include "app/gui/dialogs/plain_buttons.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

QLineEdit* add_file(QFormLayout* form, const QString& label, QDialog* dialog) {
  auto* const edit = new QLineEdit;
  edit->setAccessibleName(label);
  edit->setMinimumWidth(320);
  auto* const browse = new QPushButton(OpenVideoDialog::tr("Browse…"));
  browse->setAccessibleName(OpenVideoDialog::tr("Browse for: %1").arg(label));
  QObject::connect(browse, &QPushButton::clicked, dialog, [dialog, edit, label] {
    const auto path = QFileDialog::getOpenFileName(dialog, label, edit->text(),
                                                   OpenVideoDialog::tr("Videos (*.mp4 *.avi *.mkv *.mov *.webm *.m4v);;"
                                                                       "All files (*)"));
    if (!path.isEmpty()) edit->setText(path);
  });
  auto* const row = new QHBoxLayout;
  row->setSpacing(spacing::kSmall);
  row->addWidget(edit, 1);
  row->addWidget(browse);
  form->addRow(label, row);
  return edit;
}

}  // namespace

OpenVideoDialog::OpenVideoDialog(QWidget* parent) : QDialog(parent) {
  setWindowTitle(tr("Open video"));
  setAccessibleName(tr("Open video"));
  auto* const form = new QFormLayout;
  form->setHorizontalSpacing(spacing::kLarge);
  form->setVerticalSpacing(spacing::kSmall);
  video_ = add_file(form, tr("Static camera"), this);
  gripper_ = add_file(form, tr("Gripper camera (optional)"), this);
  instruction_ = new QLineEdit;
  instruction_->setAccessibleName(tr("Instruction"));
  instruction_->setPlaceholderText(tr("open the drawer"));
  form->addRow(tr("Instruction"), instruction_);
  auto* const buttons = new QDialogButtonBox(QDialogButtonBox::Open | QDialogButtonBox::Cancel);
  make_plain(buttons);
  auto* const open = buttons->button(QDialogButtonBox::Open);
  open->setEnabled(false);
  connect(video_, &QLineEdit::textChanged, this, [open](const QString& text) { open->setEnabled(!text.isEmpty()); });
  connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  auto* const layout = new QVBoxLayout(this);
  layout->setContentsMargins(spacing::kLarge, spacing::kLarge, spacing::kLarge, spacing::kLarge);
  layout->setSpacing(spacing::kLarge);
  layout->addLayout(form);
  layout->addWidget(buttons);
}

QString OpenVideoDialog::video() const { return video_->text(); }
QString OpenVideoDialog::gripper() const { return gripper_->text(); }
QString OpenVideoDialog::instruction() const { return instruction_->text(); }

}  // namespace deer
