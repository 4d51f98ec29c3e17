// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QList>
#include <QMainWindow>
#include <QObject>
#include <functional>
#include <vector>

#include "sessions/store/session_store.h"

class QDockWidget;

namespace deer {

class CommandTable;
class StoreWriter;

/// Where panels stand, as a part of the window: a command for each panel, the layouts that come with the program, and
/// those that a person saved under a name.
class LayoutPart : public QObject {
  Q_OBJECT

 public:
  static constexpr int kWithKeys = 5;  ///< saved layouts that have a command, and with it keys

  /// What it asks of the window.
  struct Window {
    std::function<QByteArray()> pack;               ///< the layout as it stands
    std::function<bool(const QByteArray&)> unpack;  ///< puts it back; false if it is not of this version
    std::function<void()> arrange_centre;           ///< pictures as at first
    std::function<bool()> shows_panels;             ///< not while there is nothing to show in them
  };

  /// `window` owns it, and dialogs appear over it.
  LayoutPart(QMainWindow* window, Window hooks, StoreWriter* writer, std::vector<NamedLayout> saved);

  void set_docks(QList<QDockWidget*> docks) { docks_ = std::move(docks); }
  void add_panel_commands(CommandTable* commands, const QString& menu);
  void add_layout_commands(CommandTable* commands, const QString& menu);

  void use_built_in(const QString& id);
  bool shows_any_panel() const;
  void toggle_panels();  ///< hides all, or shows those again that were seen

  const std::vector<NamedLayout>& saved() const { return saved_; }
  void save_as(const QString& name);  ///< replaces one of the same name, whatever its case

  /// The layout chosen last, as SavedSession::layout_name.
  const QString& current() const { return current_; }
  void set_current(const QString& name);

 Q_SIGNALS:
  void not_of_this_version(const QString& name);

 private:
  void use(const QByteArray& layout, const QString& name);
  void ask_name();
  void manage();
  void set_saved(std::vector<NamedLayout> saved);
  void show_saved();
  QStringList built_in_titles() const;

  QMainWindow* window_;
  Window hooks_;
  StoreWriter* writer_;
  std::vector<NamedLayout> saved_;
  QList<QDockWidget*> docks_;
  QList<QDockWidget*> hidden_;  ///< by toggle_panels()
  CommandTable* commands_ = nullptr;
  QString current_;
};

}  // namespace deer
