// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/recent_menu.h"

#include "sessions/base/engine_paths.h"
#include "sessions/store/session_store.h"

namespace deer {

RecentMenu::RecentMenu(const SavedSession* saved, QWidget* parent) : QMenu(tr("Open &recent"), parent), saved_(saved) {
  connect(this, &QMenu::aboutToShow, this, &RecentMenu::refill);
}

void RecentMenu::refill() {
  clear();
  add_paths(tr("Data"), saved_->recent_sources);
  add_paths(tr("Models"), saved_->recent_models);
  if (isEmpty()) addAction(tr("Empty"))->setEnabled(false);
}

void RecentMenu::add_paths(const QString& title, const QStringList& paths) {
  if (paths.isEmpty()) return;
  addSection(title);
  for (const auto& path : paths) {
    const auto engine = engine_address(to_path(path));
    const auto text = engine.isEmpty() ? path : tr("Engine at %1").arg(engine);
    connect(addAction(text), &QAction::triggered, this, [this, path] { Q_EMIT path_chosen(path); });
  }
}

}  // namespace deer
