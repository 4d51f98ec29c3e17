// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/mode_switch.h"

#include <QHBoxLayout>
#include <QToolButton>

#include "app/gui/commands/command_table.h"
#include "app/gui/parts/compare_part.h"
#include "app/gui/start/world.h"
#include "sessions/session/live_session.h"
#include "widgets/base/theme.h"

namespace deer {

ModeSwitch::ModeSwitch(Session* session, ComparePart* compare, QWidget* window)
    : QObject(window), session_(session), compare_(compare) {
  connect(session, &Session::episode_changed, this, [this] {
    if (const auto index = session_->episode_index()) episode_ = index;
  });
  connect(session, &Session::collection_changed, this, [this] { episode_ = session_->episode_index(); });
}

ModeSwitch::Mode ModeSwitch::mode() const {
  if (compare_->comparing()) return Mode::compare;
  return session_->live()->is_open() ? Mode::live : Mode::recorded;
}

void ModeSwitch::add_commands(CommandTable* commands, const QString& menu) {
  commands_ = commands;
  const auto group = QStringLiteral("mode");
  commands->add(menu, {{.id = "mode.recorded",
                        .text = tr("Re&corded"),
                        .tip = tr("Show the recorded episode."),
                        .run = [this] { show_recorded(); },
                        .checked = [this] { return mode() == Mode::recorded; },
                        .separator_before = true,
                        .group = group},
                       {.id = "mode.live",
                        .text = tr("Li&ve"),
                        .tip = tr("Watch cameras or a simulated world."),
                        .run = [this] { show_live(); },
                        .checked = [this] { return mode() == Mode::live; },
                        .group = group},
                       {.id = "mode.compare",
                        .text = tr("Co&mpare"),
                        .tip = tr("Keep this run and compare another policy or model with it."),
                        .run = [this] { show_compare(); },
                        .enabled = [this] { return compare_->comparing() || session_->evaluated_count() > 0; },
                        .checked = [this] { return mode() == Mode::compare; },
                        .group = group}});
}

void ModeSwitch::show_recorded() {
  if (compare_->comparing()) compare_->hide_runs();
  if (session_->episode() && !session_->live()->is_open()) return;
  if (session_->collection()) return session_->open_episode(episode_.value_or(0));
  commands_->trigger(QStringLiteral("file.open_dataset"));
}

void ModeSwitch::show_live() {
  if (session_->live()->is_open() && compare_->comparing()) compare_->hide_runs();
  if (session_->live()->is_open()) return;
  commands_->trigger(has_simulated_world() ? QStringLiteral("file.open_world") : QStringLiteral("file.open_cameras"));
}

void ModeSwitch::show_compare() { compare_->comparing() ? compare_->show_panel() : compare_->use_run_as_baseline(); }

QWidget* ModeSwitch::make_buttons(CommandTable* commands) {
  auto* const row = new QWidget;
  row->setAccessibleName(tr("Mode"));
  auto* const layout = new QHBoxLayout(row);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  for (const auto* const id : {"mode.recorded", "mode.live", "mode.compare", "view.present"}) {
    auto* const action = commands->action(QString::fromLatin1(id));
    auto* const button = new QToolButton;
    button->setDefaultAction(action);
    button->setAccessibleName(action->iconText());
    button->setToolButtonStyle(Qt::ToolButtonTextOnly);
    button->setAutoRaise(true);
    button->setFont(Theme::instance().label_font());
    layout->addWidget(button);
  }
  return row;
}

}  // namespace deer
