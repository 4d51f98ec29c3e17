// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/base/form_field.h"

#include <QFocusEvent>
#include <QFormLayout>
#include <QLabel>

#include "widgets/base/theme.h"

namespace deer {
namespace {

class SelectWhenPressed : public QObject {
 public:
  explicit SelectWhenPressed(QLabel* label) : QObject(label), label_(label) {
    label->setCursor(Qt::IBeamCursor);
    label->installEventFilter(this);
  }

 protected:
  bool eventFilter(QObject*, QEvent* event) override {
    if (event->type() == QEvent::MouseButtonPress) {
      label_->setTextInteractionFlags(Qt::TextSelectableByMouse);
      label_->setFocus(Qt::MouseFocusReason);
    } else if (event->type() == QEvent::FocusOut &&
               static_cast<QFocusEvent*>(event)->reason() != Qt::PopupFocusReason) {
      label_->setTextInteractionFlags(Qt::NoTextInteraction);
      label_->setCursor(Qt::IBeamCursor);
    }
    return false;
  }

 private:
  QLabel* label_;
};

}  // namespace

void make_selectable(QLabel* label) { new SelectWhenPressed(label); }

QLabel* add_form_field(QFormLayout* form, const QString& name, const QString& explanation) {
  auto* label = new QLabel(name);
  auto* value = new QLabel;
  label->setAlignment(Qt::AlignLeading | Qt::AlignTop);
  label->setToolTip(explanation);
  value->setToolTip(explanation);
  value->setAccessibleName(name);
  value->setWordWrap(true);
  value->setTextFormat(Qt::PlainText);
  make_selectable(value);
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
