// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/base/empty_state.h"

#include <QEvent>
#include <QLabel>
#include <QPainter>
#include <QPushButton>
#include <QVBoxLayout>

#include "widgets/base/glyphs.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kIconSize = 32;

class IconArea : public QWidget {
 public:
  explicit IconArea(QWidget* parent) : QWidget(parent) { setFixedSize(kIconSize, kIconSize); }

  void set(EmptyState::Icon icon) {
    icon_ = icon;
    setVisible(icon != EmptyState::Icon::none);
    update();
  }

 protected:
  void paintEvent(QPaintEvent*) override {
    const ThemeColors& colors = Theme::instance().colors();
    QPainter painter(this);
    const auto paint = [&](Glyph glyph, const QColor& color) { paint_glyph(&painter, glyph, rect(), color); };
    switch (icon_) {
      case EmptyState::Icon::none:
        break;
      case EmptyState::Icon::picture:
        paint(Glyph::picture, colors.muted_text);
        break;
      case EmptyState::Icon::chart:
        paint(Glyph::chart, colors.muted_text);
        break;
      case EmptyState::Icon::list:
        paint(Glyph::list, colors.muted_text);
        break;
      case EmptyState::Icon::model:
        paint(Glyph::model, colors.muted_text);
        break;
      case EmptyState::Icon::problem:
        paint(Glyph::problem, colors.error);
        break;
    }
  }

 private:
  EmptyState::Icon icon_ = EmptyState::Icon::none;
};

}  // namespace

EmptyState::EmptyState(QWidget* parent)
    : QWidget(parent),
      icon_(new IconArea(this)),
      sentence_(new QLabel(this)),
      details_(new QLabel(this)),
      action_(new QPushButton(this)) {
  for (QLabel* label : {sentence_, details_}) {
    label->setWordWrap(true);
    label->setAlignment(Qt::AlignHCenter | Qt::AlignTop);
    label->setTextFormat(Qt::PlainText);
    label->setMinimumWidth(0);
  }
  details_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  sentence_->setAccessibleName(tr("What is missing"));
  details_->setAccessibleName(tr("Details"));

  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(spacing::kLarge, spacing::kLarge, spacing::kLarge, spacing::kLarge);
  column->setSpacing(spacing::kSmall);
  column->addStretch(1);
  column->addWidget(icon_, 0, Qt::AlignHCenter);
  column->addWidget(sentence_);
  column->addWidget(details_);
  column->addWidget(action_, 0, Qt::AlignHCenter);
  column->addStretch(1);

  connect(action_, &QPushButton::clicked, this, &EmptyState::action_triggered);
  connect(&Theme::instance(), &Theme::changed, this, &EmptyState::restyle);
  set(Icon::none, {});
  restyle();
}

void EmptyState::set(Icon icon, const QString& sentence, const QString& action, const QString& details) {
  static_cast<IconArea*>(icon_)->set(icon);
  sentence_->setText(sentence);
  details_->setText(details);
  details_->setVisible(!details.isEmpty());
  action_->setText(action);
  action_->setAccessibleName(action);
  action_->setMinimumWidth(action_->sizeHint().width() + spacing::kLarge);
  action_->setVisible(!action.isEmpty());
}

QString EmptyState::sentence() const { return sentence_->text(); }
QString EmptyState::action() const { return action_->text(); }

void EmptyState::changeEvent(QEvent* event) {
  if (event->type() == QEvent::FontChange) restyle();
  QWidget::changeEvent(event);
}

void EmptyState::restyle() {
  QPalette muted = palette();
  muted.setColor(QPalette::WindowText, Theme::instance().colors().muted_text);
  sentence_->setPalette(muted);
  details_->setPalette(muted);
  details_->setFont(Theme::instance().label_font());
}

}  // namespace deer
