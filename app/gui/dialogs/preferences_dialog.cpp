// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dialogs/preferences_dialog.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QFormLayout>
#include <QLabel>
#include <QSpinBox>
#include <QVBoxLayout>

#include "app/gui/dialogs/plain_buttons.h"
#include "sessions/frames/playback.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

struct Choice {
  QString value;
  QString text;
};

QComboBox* add_choice(QFormLayout* form, const QString& label, const QList<Choice>& choices, const QString& value) {
  auto* const box = new QComboBox;
  box->setAccessibleName(label);
  for (const auto& choice : choices) box->addItem(choice.text, choice.value);
  const int found = box->findData(value);
  if (found < 0) box->addItem(value, value);
  box->setCurrentIndex(found < 0 ? box->count() - 1 : found);
  form->addRow(label, box);
  return box;
}

QVBoxLayout* dialog_layout(QDialog* dialog) {
  auto* const layout = new QVBoxLayout(dialog);
  layout->setContentsMargins(spacing::kLarge, spacing::kLarge, spacing::kLarge, spacing::kLarge);
  layout->setSpacing(spacing::kLarge);
  return layout;
}

}  // namespace

PreferencesDialog::PreferencesDialog(const Preferences& preferences, QWidget* parent) : QDialog(parent) {
  setWindowTitle(tr("Preferences"));
  setAccessibleName(tr("Preferences"));
  auto* const form = new QFormLayout;
  form->setHorizontalSpacing(spacing::kLarge);
  form->setVerticalSpacing(spacing::kSmall);
  theme_ = add_choice(form, tr("Theme"),
                      {{QStringLiteral("system"), tr("System default")},
                       {QStringLiteral("light"), tr("Light")},
                       {QStringLiteral("dark"), tr("Dark")}},
                      preferences.theme);
  device_ = add_choice(form, tr("Device"),
                       {{QStringLiteral("auto"), tr("Automatic")},
                        {QStringLiteral("cpu"), tr("CPU")},
                        {QStringLiteral("cuda"), tr("CUDA GPU")}},
                       preferences.device);
  dtype_ = add_choice(form, tr("Number format"),
                      {{QStringLiteral("auto"), tr("Automatic")},
                       {QStringLiteral("float32"), QStringLiteral("float32")},
                       {QStringLiteral("bfloat16"), QStringLiteral("bfloat16")},
                       {QStringLiteral("float16"), QStringLiteral("float16")}},
                      preferences.dtype);
  cache_ = new QSpinBox;
  cache_->setAccessibleName(tr("Memory for decoded frames"));
  cache_->setRange(16, 65536);
  cache_->setSingleStep(64);
  cache_->setSuffix(QStringLiteral(" MB"));
  cache_->setGroupSeparatorShown(true);
  cache_->setValue(preferences.cache_megabytes);
  form->addRow(tr("Memory for decoded frames"), cache_);
  speed_ = new QComboBox;
  speed_->setAccessibleName(tr("Playback speed"));
  for (const double speed : Playback::kSpeeds) {
    speed_->addItem(tr("%1×").arg(speed), speed);
    if (speed == preferences.playback_speed) speed_->setCurrentIndex(speed_->count() - 1);
  }
  form->addRow(tr("Playback speed"), speed_);
  restore_ = new QCheckBox(tr("Restore the last session at startup"));
  restore_->setChecked(preferences.restore_on_start);
  form->addRow(QString(), restore_);
  auto* const note = new QLabel(tr("Device and number format apply to the next model you open."));
  note->setWordWrap(true);
  auto* const buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel);
  make_plain(buttons);
  connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  auto* const layout = dialog_layout(this);
  layout->addLayout(form);
  layout->addWidget(note);
  layout->addWidget(buttons);
}

Preferences PreferencesDialog::preferences() const {
  Preferences out;
  out.theme = theme_->currentData().toString();
  out.device = device_->currentData().toString();
  out.dtype = dtype_->currentData().toString();
  out.cache_megabytes = cache_->value();
  out.playback_speed = speed_->currentData().toDouble();
  out.restore_on_start = restore_->isChecked();
  return out;
}

}  // namespace deer
