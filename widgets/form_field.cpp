// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/form_field.h"

#include <QFormLayout>
#include <QLabel>

#include "widgets/theme.h"

namespace deer {

QLabel* add_form_field(QFormLayout* form, const QString& name, const QString& explanation) {
  auto* label = new QLabel(name);
  auto* value = new QLabel;
  label->setAlignment(Qt::AlignLeading | Qt::AlignTop);
  label->setToolTip(explanation);
  value->setToolTip(explanation);
  value->setAccessibleName(name);
  value->setWordWrap(true);
  value->setTextFormat(Qt::PlainText);
  value->setTextInteractionFlags(Qt::TextSelectableByMouse);
  value->setFont(Theme::number_font(Theme::instance().body_font()));
  const auto restyle = [label] {
    QPalette palette = label->palette();
    palette.setColor(QPalette::WindowText, Theme::instance().colors().muted_text);
    label->setPalette(palette);
  };
  restyle();
  QObject::connect(&Theme::instance(), &Theme::changed, label, restyle);
  form->addRow(label, value);
  return value;
}

}  // namespace deer
