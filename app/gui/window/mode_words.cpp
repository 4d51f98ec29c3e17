// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/mode_words.h"

#include <QHBoxLayout>
#include <QToolButton>

#include "app/gui/commands/command_table.h"
#include "app/gui/parts/views_part.h"
#include "app/gui/start/world.h"
#include "widgets/base/theme.h"

namespace deer {

ModeWords::ModeWords(Session* session, ViewsPart* views, QWidget* window)
    : QObject(window), session_(session), views_(views) {
  connect(session, &Session::episode_changed, this, [this] {
    if (const auto index = session_->episode_index()) episode_ = index;
  });
  connect(session, &Session::collection_changed, this, [this] { episode_ = session_->episode_index(); });
}

ModeWords::Mode ModeWords::mode() const {
  if (views_->comparing()) return Mode::compare;
  return session_->is_live() ? Mode::live : Mode::recorded;
}

void ModeWords::add_commands(CommandTable* commands, const QString& menu) {
  commands_ = commands;
  commands->add({.id = "mode.recorded",
                 .menu = menu,
                 .text = tr("Re&corded"),
                 .tip = tr("Look at what was recorded: back to the episode, or open one."),
                 .run = [this] { show_recorded(); },
                 .checked = [this] { return mode() == Mode::recorded; },
                 .separator_before = true});
  commands->add({.id = "mode.live",
                 .menu = menu,
                 .text = tr("Li&ve"),
                 .tip = tr("Watch cameras or a simulated world now."),
                 .run = [this] { show_live(); },
                 .checked = [this] { return mode() == Mode::live; }});
  commands->add({.id = "mode.compare",
                 .menu = menu,
                 .text = tr("Co&mpare"),
                 .tip = tr("Keep this run, and see another policy or model beside it."),
                 .run = [this] { show_compare(); },
                 .enabled = [this] { return views_->comparing() || session_->evaluated_count() > 0; },
                 .checked = [this] { return mode() == Mode::compare; }});
}

void ModeWords::show_recorded() {
  if (views_->comparing()) commands_->trigger(QStringLiteral("compare.forget"));
  if (session_->episode() && !session_->is_live()) return;
  if (session_->collection()) return session_->open_episode(episode_.value_or(0));
  commands_->trigger(QStringLiteral("file.open_dataset"));
}

void ModeWords::show_live() {
  if (session_->is_live() && views_->comparing()) commands_->trigger(QStringLiteral("compare.forget"));
  if (session_->is_live()) return;
  commands_->trigger(has_simulated_world() ? QStringLiteral("file.open_world") : QStringLiteral("file.open_cameras"));
}

void ModeWords::show_compare() {
  if (!views_->comparing()) {
    commands_->trigger(QStringLiteral("compare.keep"));
    return;
  }
  Q_EMIT views_->compare_requested();
}

QWidget* ModeWords::make_row(CommandTable* commands) {
  auto* const row = new QWidget;
  row->setAccessibleName(tr("Mode"));
  auto* const layout = new QHBoxLayout(row);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  for (const auto* const id : {"mode.recorded", "mode.live", "mode.compare", "view.present"}) {
    auto* const action = commands->action(QString::fromLatin1(id));
    auto* const word = new QToolButton;
    word->setDefaultAction(action);
    word->setAccessibleName(action->iconText());
    word->setToolButtonStyle(Qt::ToolButtonTextOnly);
    word->setAutoRaise(true);
    word->setFont(Theme::instance().label_font());
    layout->addWidget(word);
  }
  return row;
}

}  // namespace deer
