// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/layout_part.h"

#include <QDataStream>
#include <QDockWidget>
#include <QIODevice>
#include <QTabBar>
#include <QVBoxLayout>
#include <algorithm>

#include "app/gui/commands/command_table.h"
#include "app/gui/dialogs/layout_dialogs.h"
#include "app/gui/window/dock_layouts.h"
#include "app/gui/window/workbench.h"
#include "sessions/store/store_writer.h"
#include "widgets/base/theme.h"

namespace deer {
namespace {

constexpr int kLayoutVersion = 4;              // of QMainWindow::saveState; raise it when docks change
constexpr quint32 kPackedLayout = 0x44454c31;  // the first bytes of a packed layout

QString slot_id(int slot) { return QStringLiteral("view.layout_saved_%1").arg(slot + 1); }

/// Visible and not behind another tab.
bool is_seen(const QDockWidget* dock) { return dock->isVisible() && !dock->visibleRegion().isEmpty(); }

}  // namespace

LayoutPart::LayoutPart(QMainWindow* window, Workbench* workbench, std::function<bool()> shows_panels,
                       StoreWriter* writer, std::vector<NamedLayout> saved)
    : QObject(window),
      window_(window),
      workbench_(workbench),
      shows_panels_(std::move(shows_panels)),
      writer_(writer),
      saved_(std::move(saved)) {
  window_->installEventFilter(this);
  window_->setCorner(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea);
  window_->setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
}

bool LayoutPart::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::ChildPolished) {
    // Panels that share a place: whole words with arrows to the rest, rather than all of them cut.
    if (auto* const tabs = qobject_cast<QTabBar*>(static_cast<QChildEvent*>(event)->child())) {
      tabs->setElideMode(Qt::ElideNone);
      tabs->setUsesScrollButtons(true);
    }
  }
  return QObject::eventFilter(watched, event);
}

QDockWidget* LayoutPart::add_panel(const QString& name, const QString& title, QWidget* view, Qt::DockWidgetArea area) {
  auto* const dock = new QDockWidget(title, window_);
  dock->setObjectName(QStringLiteral("dock_") + name);
  dock->setAccessibleName(title);
  auto* const frame = new QWidget(dock);
  auto* const layout = new QVBoxLayout(frame);
  layout->setContentsMargins(spacing::kSmall, spacing::kTiny, spacing::kSmall, spacing::kSmall);
  layout->addWidget(view);
  dock->setWidget(frame);
  window_->addDockWidget(area, dock);
  docks_ << dock;
  for (const auto signal : {&QDockWidget::topLevelChanged, &QDockWidget::visibilityChanged}) {
    connect(dock, signal, this, &LayoutPart::changed);
  }
  connect(dock, &QDockWidget::dockLocationChanged, this, &LayoutPart::changed);
  return dock;
}

void LayoutPart::add_panel_commands(CommandTable* commands, const QString& menu) {
  for (auto* const dock : docks_) {
    const auto title = dock->windowTitle();
    commands->add(menu, {{.id = QStringLiteral("panel.") + dock->objectName().mid(QStringLiteral("dock_").size()),
                          .text = title,
                          .tip = tr("Bring the panel “%1” to the front, or hide it if it is in front.").arg(title),
                          .run =
                              [dock] {
                                if (is_seen(dock)) return dock->hide();
                                dock->show();
                                dock->raise();
                              },
                          .enabled = shows_panels_,
                          .checked = [dock] { return !dock->isHidden(); },
                          .submenu = tr("&Panels")}});
    connect(dock, &QDockWidget::visibilityChanged, commands, &CommandTable::update);
  }
}

void LayoutPart::add_layout_commands(CommandTable* commands, const QString& menu) {
  commands_ = commands;
  const auto submenu = tr("&Layouts");
  const auto group = QStringLiteral("layout");
  const auto key = [](int digit) { return QKeySequence(Qt::CTRL | Qt::ALT | static_cast<Qt::Key>(Qt::Key_0 + digit)); };
  int digit = 0;
  for (const auto& layout : built_in_layouts(true)) {
    const auto id = layout.id;
    commands->add(menu, {{.id = QStringLiteral("view.layout_") + id,
                          .text = layout.title,
                          .tip = layout.tip,
                          .shortcuts = {key(++digit)},
                          .run = [this, id] { use_built_in(id); },
                          .enabled = shows_panels_,
                          .checked = [this, id] { return current_ == id; },
                          .submenu = submenu,
                          .group = group}});
  }
  for (int slot = 0; slot < kWithKeys; ++slot) {
    const auto here = [this, slot]() -> const NamedLayout* {
      return slot < int(saved_.size()) ? &saved_[static_cast<std::size_t>(slot)] : nullptr;
    };
    commands->add(menu, {{.id = slot_id(slot),
                          .text = tr("Saved layout %1").arg(slot + 1),
                          .tip = tr("Use this saved layout."),
                          .shortcuts = {key(++digit)},
                          .run = [this, here] { use(here()->layout, here()->name); },
                          .enabled = [this, here] { return here() != nullptr && shows_panels_(); },
                          .checked = [this, here] { return here() != nullptr && here()->name == current_; },
                          .separator_before = slot == 0,
                          .submenu = submenu,
                          .group = group}});
  }
  commands->add(menu, {{.id = "view.layout_save",
                        .text = tr("&Save layout as…"),
                        .tip = tr("Save the current arrangement of panels under a name."),
                        .shortcuts = {QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_S)},
                        .run = [this] { ask_name(); },
                        .enabled = shows_panels_,
                        .separator_before = true,
                        .submenu = submenu},
                       {.id = "view.layout_manage",
                        .text = tr("&Manage layouts…"),
                        .tip = tr("Use, rename, reorder or delete saved layouts."),
                        .shortcuts = {QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_L)},
                        .run = [this] { manage(); },
                        .submenu = submenu}});
  show_saved();
}

void LayoutPart::use_built_in(const QString& id) {
  for (const auto& layout : built_in_layouts(has_room_below(*window_))) {
    if (layout.id != id) continue;
    workbench_->arrange_pictures();
    arrange(window_, docks_, layout, shows_panels_());
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

void LayoutPart::hide_panels() {
  for (auto* const dock : docks_) dock->hide();
}

void LayoutPart::use(const QByteArray& layout, const QString& name) {
  if (!unpack(layout)) {
    return Q_EMIT problem({tr("The layout cannot be used"),
                           tr("“%1” was saved by another version of Deerscope.").arg(name),
                           tr("Arrange the panels and save it again.")});
  }
  set_current(name);
}

QByteArray LayoutPart::pack() const {
  QByteArray out;
  QDataStream stream(&out, QIODevice::WriteOnly);
  const auto [pictures, arm_shown, arm] = workbench_->arrangement();
  stream << kPackedLayout << window_->saveState(kLayoutVersion) << pictures << arm_shown << arm;
  return out;
}

bool LayoutPart::unpack(const QByteArray& layout) {
  QDataStream stream(layout);
  quint32 kind = 0;
  QByteArray docks;
  Workbench::Arrangement arrangement;
  stream >> kind >> docks >> arrangement.pictures >> arrangement.arm_shown >> arrangement.arm;
  if (stream.status() != QDataStream::Ok || kind != kPackedLayout) return false;
  workbench_->set_arrangement(arrangement);
  return window_->restoreState(docks, kLayoutVersion);
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
    saved.push_back({name, pack()});
  } else {
    *same = {name, pack()};
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
