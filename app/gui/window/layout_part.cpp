// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/layout_part.h"

#include <QDockWidget>
#include <algorithm>

#include "app/gui/commands/command_table.h"
#include "app/gui/dialogs/layout_dialogs.h"
#include "app/gui/window/dock_layouts.h"
#include "sessions/store/store_writer.h"

namespace deer {
namespace {

QString slot_id(int slot) { return QStringLiteral("view.layout_saved_%1").arg(slot + 1); }

/// In front, or the only one of its stack.
bool is_seen(const QDockWidget* dock) { return dock->isVisible() && !dock->visibleRegion().isEmpty(); }

}  // namespace

LayoutPart::LayoutPart(QMainWindow* window, Window hooks, StoreWriter* writer, std::vector<NamedLayout> saved)
    : QObject(window), window_(window), hooks_(std::move(hooks)), writer_(writer), saved_(std::move(saved)) {}

void LayoutPart::add_panel_commands(CommandTable* commands, const QString& menu) {
  for (auto* const dock : docks_) {
    const auto title = dock->windowTitle();
    commands->add({.id = QStringLiteral("panel.") + dock->objectName().mid(QStringLiteral("dock_").size()),
                   .menu = menu,
                   .text = title,
                   .tip = tr("Bring the panel “%1” to the front, or hide it if it is there.").arg(title),
                   .run =
                       [dock] {
                         if (is_seen(dock)) return dock->hide();
                         dock->show();
                         dock->raise();
                       },
                   .enabled = hooks_.shows_panels,
                   .checked = [dock] { return !dock->isHidden(); },
                   .submenu = tr("&Panels")});
    connect(dock, &QDockWidget::visibilityChanged, commands, &CommandTable::update);
  }
}

void LayoutPart::add_layout_commands(CommandTable* commands, const QString& menu) {
  commands_ = commands;
  const auto submenu = tr("&Layouts");
  const auto key = [](int digit) { return QKeySequence(Qt::CTRL | Qt::ALT | static_cast<Qt::Key>(Qt::Key_0 + digit)); };
  int digit = 0;
  for (const auto& layout : built_in_layouts(true)) {
    const auto id = layout.id;
    commands->add({.id = QStringLiteral("view.layout_") + id,
                   .menu = menu,
                   .text = layout.title,
                   .tip = layout.tip,
                   .shortcuts = {key(++digit)},
                   .run = [this, id] { use_built_in(id); },
                   .enabled = hooks_.shows_panels,
                   .checked = [this, id] { return current_ == id; },
                   .submenu = submenu});
  }
  for (int slot = 0; slot < kWithKeys; ++slot) {
    const auto here = [this, slot]() -> const NamedLayout* {
      return slot < int(saved_.size()) ? &saved_[static_cast<std::size_t>(slot)] : nullptr;
    };
    commands->add({.id = slot_id(slot),
                   .menu = menu,
                   .text = tr("Saved layout %1").arg(slot + 1),
                   .tip = tr("Put panels where they stood when this layout was saved."),
                   .shortcuts = {key(++digit)},
                   .run = [this, here] { use(here()->layout, here()->name); },
                   .enabled = [this, here] { return here() != nullptr && hooks_.shows_panels(); },
                   .checked = [this, here] { return here() != nullptr && here()->name == current_; },
                   .separator_before = slot == 0,
                   .submenu = submenu});
  }
  commands->add({.id = "view.layout_save",
                 .menu = menu,
                 .text = tr("&Save layout as…"),
                 .tip = tr("Keep where panels stand under a name."),
                 .shortcuts = {QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_S)},
                 .run = [this] { ask_name(); },
                 .enabled = hooks_.shows_panels,
                 .separator_before = true,
                 .submenu = submenu});
  commands->add({.id = "view.layout_manage",
                 .menu = menu,
                 .text = tr("&Manage layouts…"),
                 .tip = tr("Choose, rename, order or delete saved layouts."),
                 .shortcuts = {QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_L)},
                 .run = [this] { manage(); },
                 .submenu = submenu});
  show_saved();
}

void LayoutPart::use_built_in(const QString& id) {
  for (const auto& layout : built_in_layouts(has_room_below(*window_))) {
    if (layout.id != id) continue;
    hooks_.arrange_centre();
    arrange(window_, docks_, layout, hooks_.shows_panels());
    set_current(id);
  }
}

bool LayoutPart::shows_any_panel() const {
  return std::any_of(docks_.begin(), docks_.end(), [](const QDockWidget* dock) { return !dock->isHidden(); });
}

void LayoutPart::toggle_panels() {
  if (!shows_any_panel()) {
    if (hidden_.isEmpty()) return use_built_in(QStringLiteral("inspect"));
    for (auto* const dock : hidden_) dock->show();
    return;
  }
  hidden_.clear();
  for (auto* const dock : docks_) {
    if (dock->isHidden()) continue;
    hidden_ << dock;
    dock->hide();
  }
}

void LayoutPart::use(const QByteArray& layout, const QString& name) {
  if (!hooks_.unpack(layout)) return Q_EMIT not_of_this_version(name);
  set_current(name);
}

void LayoutPart::set_current(const QString& name) {
  current_ = name;
  if (commands_) commands_->update();
}

void LayoutPart::save_as(const QString& name) {
  auto saved = saved_;
  const auto same = std::find_if(saved.begin(), saved.end(), [&](const NamedLayout& layout) {
    return layout.name.compare(name, Qt::CaseInsensitive) == 0;
  });
  if (same == saved.end()) {
    saved.push_back({name, hooks_.pack()});
  } else {
    *same = {name, hooks_.pack()};
  }
  set_saved(std::move(saved));
  set_current(name);
}

void LayoutPart::set_saved(std::vector<NamedLayout> saved) {
  if (saved == saved_) return;
  saved_ = std::move(saved);
  writer_->save(saved_);
  show_saved();
}

void LayoutPart::show_saved() {
  for (int slot = 0; slot < kWithKeys; ++slot) {
    auto* const action = commands_->action(slot_id(slot));
    const bool used = slot < int(saved_.size());
    action->setVisible(used);
    if (used) action->setText(QString(saved_[static_cast<std::size_t>(slot)].name).replace(u'&', QLatin1String("&&")));
  }
  commands_->update();
}

QStringList LayoutPart::built_in_titles() const {
  QStringList titles;
  for (const auto& layout : built_in_layouts(true)) titles << QString(layout.title).remove(u'&') << layout.id;
  return titles;
}

void LayoutPart::ask_name() {
  auto* const dialog = new SaveLayoutDialog(built_in_titles(), saved_, window_);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &QDialog::accepted, this, [this, dialog] { save_as(dialog->name()); });
  dialog->open();
}

void LayoutPart::manage() {
  auto* const dialog = new ManageLayoutsDialog(built_in_titles(), saved_, window_);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &ManageLayoutsDialog::chosen, this, &LayoutPart::use);
  connect(dialog, &QDialog::accepted, this, [this, dialog] { set_saved(dialog->layouts()); });
  dialog->open();
}

}  // namespace deer
