// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QList>
#include <QMainWindow>
#include <QObject>
#include <functional>
#include <vector>

#include "sessions/session/session.h"
#include "sessions/store/session_store.h"

class QDockWidget;

namespace deer {

class CommandTable;
class StoreWriter;
class Workbench;

/// The panels of the window and their layouts: a command for each panel, the layouts that come with the program, and
/// those the user saved.
class LayoutPart : public QObject {
  Q_OBJECT

 public:
  static constexpr int kWithKeys = 5;  ///< saved layouts that have a command, and with it keys

  /// `window` owns it, and dialogs appear over it. `shows_panels`: false while there is nothing to show in them.
  LayoutPart(QMainWindow* window, Workbench* workbench, std::function<bool()> shows_panels, StoreWriter* writer,
             std::vector<NamedLayout> saved);

  QDockWidget* add_panel(const QString& name, const QString& title, QWidget* view, Qt::DockWidgetArea area);
  const QList<QDockWidget*>& docks() const { return docks_; }
  void add_panel_commands(CommandTable* commands, const QString& menu);
  void add_layout_commands(CommandTable* commands, const QString& menu);

  void use_built_in(const QString& id);
  bool shows_any_panel() const;
  void toggle_panels();  ///< hides all, or shows again those it hid
  void hide_panels();

  QByteArray pack() const;                ///< the current layout, panels and pictures
  bool unpack(const QByteArray& layout);  ///< false if it is of another version; only the pictures change then

  const std::vector<NamedLayout>& saved() const { return saved_; }
  void save_as(const QString& name);  ///< replaces one of the same name; case does not matter

  /// The last layout chosen, as SavedSession::layout_name.
  const QString& current() const { return current_; }
  void set_current(const QString& name);

 Q_SIGNALS:
  void changed();  ///< a panel was shown, hidden or moved
  void problem(const deer::Problem& problem);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void use(const QByteArray& layout, const QString& name);
  void ask_name();
  void manage();
  void set_saved(std::vector<NamedLayout> saved);
  void show_saved();
  QStringList built_in_titles() const;

  QMainWindow* window_;
  Workbench* workbench_;
  std::function<bool()> shows_panels_;
  StoreWriter* writer_;
  std::vector<NamedLayout> saved_;
  QList<QDockWidget*> docks_;
  QList<QDockWidget*> hidden_;  ///< by toggle_panels()
  CommandTable* commands_ = nullptr;
  QString current_;
};

}  // namespace deer
