// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/welcome_page.h"

#include <QAction>
#include <QDir>
#include <QGridLayout>
#include <QLabel>
#include <QProgressBar>
#include <QPushButton>
#include <QVBoxLayout>

#include "app/gui/commands/command_table.h"
#include "sessions/base/engine_paths.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kWidth = 520;
constexpr int kRecentShown = 4;

void mute(QLabel* label) {
  auto palette = label->palette();
  palette.setColor(QPalette::WindowText, Theme::instance().colors().muted_text);
  label->setPalette(palette);
}

QString home_as_tilde(const QString& path) {
  const auto home = QDir::homePath();
  return path.startsWith(home + u'/') ? u'~' + path.mid(home.size()) : path;
}

}  // namespace

WelcomePage::WelcomePage(CommandTable* commands, QWidget* parent) : QWidget(parent) {
  setAccessibleName(tr("Start"));
  auto* const column = new QWidget(this);
  column->setMaximumWidth(kWidth);
  title_ = new QLabel(QStringLiteral("Deerscope"), column);
  purpose_ = new QLabel(
      tr("See, frame by frame, how many layers a robot policy with early exits runs before it acts, and why. "
         "Open a recorded episode and a model, then change a threshold: the whole episode is re-evaluated."),
      column);
  purpose_->setWordWrap(true);

  start_ = new QWidget(column);
  auto* const grid = new QGridLayout(start_);
  grid->setContentsMargins(0, 0, 0, 0);
  grid->setHorizontalSpacing(spacing::kLarge);
  grid->setVerticalSpacing(spacing::kSmall);
  grid->setColumnStretch(1, 1);
  int row = 0;
  for (const char* id : {"help.demo", "file.restore_session", "file.open_world", "file.open_cameras",
                         "file.open_dataset", "file.open_video", "file.open_trace", "file.open_model"}) {
    auto* const action = commands->action(QString::fromLatin1(id));
    if (!action) continue;
    auto* const button = new QPushButton(action->text(), start_);
    button->setAccessibleName(action->text());
    if (row == 0) {
      // What a newcomer needs.
      auto bold = button->font();
      bold.setBold(true);
      button->setFont(bold);
      button->setDefault(true);
      button->setMinimumHeight(button->sizeHint().height() + spacing::kSmall);
    }
    button->setMinimumWidth(button->sizeHint().width() + spacing::kLarge);
    connect(button, &QPushButton::clicked, action, &QAction::trigger);
    auto* const tip = new QLabel(action->statusTip(), start_);
    tip->setWordWrap(true);
    tip->setObjectName(QStringLiteral("tip"));
    grid->addWidget(button, row, 0);
    grid->addWidget(tip, row, 1);
    const auto show_if_enabled = [action, button, tip] {
      button->setVisible(action->isEnabled());
      tip->setVisible(action->isEnabled());
    };
    connect(action, &QAction::changed, button, show_if_enabled);
    show_if_enabled();
    ++row;
  }
  hint_ = new QLabel(tr("Or drop a dataset, a folder of images, a video, a trace, a robot (URDF), a scene or a model "
                        "here. Press Ctrl+K to "
                        "find any command and F1 for the user guide."),
                     column);
  hint_->setWordWrap(true);
  recent_title_ = new QLabel(tr("Recent"), column);
  recent_ = new QVBoxLayout;
  recent_->setSpacing(spacing::kTiny);

  busy_ = new QWidget(column);
  busy_text_ = new QLabel(busy_);
  busy_text_->setAccessibleName(tr("Opening"));
  busy_bar_ = new QProgressBar(busy_);
  busy_bar_->setTextVisible(false);
  busy_bar_->setFixedHeight(8);
  auto* const cancel = new QPushButton(tr("Cancel"), busy_);
  connect(cancel, &QPushButton::clicked, commands->action(QStringLiteral("model.cancel")), &QAction::trigger);
  auto* const busy_layout = new QVBoxLayout(busy_);
  busy_layout->setContentsMargins(0, 0, 0, 0);
  busy_layout->setSpacing(spacing::kSmall);
  busy_layout->addWidget(busy_text_);
  busy_layout->addWidget(busy_bar_);
  busy_layout->addWidget(cancel, 0, Qt::AlignLeft);
  busy_->hide();

  auto* const layout = new QVBoxLayout(column);
  layout->setSpacing(spacing::kLarge);
  layout->addWidget(title_);
  layout->addWidget(purpose_);
  layout->addWidget(start_);
  layout->addWidget(busy_);
  layout->addWidget(hint_);
  layout->addWidget(recent_title_);
  layout->addLayout(recent_);
  auto* const middle = new QGridLayout(this);
  middle->setRowStretch(0, 2);
  middle->setRowStretch(2, 3);
  middle->setColumnStretch(0, 1);
  middle->setColumnStretch(2, 1);
  middle->addWidget(column, 1, 1);
  middle->setColumnMinimumWidth(1, kWidth);
  set_recent({}, {});
  restyle();
  connect(&Theme::instance(), &Theme::changed, this, &WelcomePage::restyle);
}

void WelcomePage::set_recent(const QStringList& models, const QStringList& sources) {
  while (auto* const item = recent_->takeAt(0)) {
    delete item->widget();
    delete item;
  }
  for (const auto& list : {sources, models}) {
    for (const auto& path : list.mid(0, kRecentShown)) {
      auto* const link = new QLabel(this);
      link->setTextFormat(Qt::RichText);
      const auto engine = engine_address(to_path(path));
      const auto name = engine.isEmpty() ? home_as_tilde(path) : tr("Engine at %1").arg(engine);
      const auto shown = fontMetrics().elidedText(name, Qt::ElideMiddle, kWidth - spacing::kHuge);
      link->setText(QStringLiteral("<a href=\"open\">%1</a>").arg(shown.toHtmlEscaped()));
      link->setToolTip(path);
      link->setTextInteractionFlags(Qt::LinksAccessibleByMouse | Qt::LinksAccessibleByKeyboard);
      connect(link, &QLabel::linkActivated, this, [this, path] { Q_EMIT path_chosen(path); });
      recent_->addWidget(link);
    }
  }
  recent_title_->setVisible(recent_->count() > 0);
}

void WelcomePage::set_busy(const QString& text, double progress) {
  const bool busy = !text.isEmpty();
  start_->setVisible(!busy);
  hint_->setVisible(!busy);
  busy_->setVisible(busy);
  busy_text_->setText(text);
  busy_bar_->setRange(0, progress < 0 ? 0 : 1000);
  if (progress >= 0) busy_bar_->setValue(int(progress * 1000));
}

void WelcomePage::restyle() {
  auto font = Theme::instance().title_font();
  font.setPointSizeF(font.pointSizeF() * 2);
  title_->setFont(font);
  mute(hint_);
  for (auto* const tip : start_->findChildren<QLabel*>(QStringLiteral("tip"))) mute(tip);
  recent_title_->setFont(Theme::instance().title_font());
}

}  // namespace deer
