// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>

#include "sessions/session/session.h"
#include "sessions/store/session_store.h"

namespace deer {

class CommandTable;
class StoreWriter;

/// The preferences as a part of the window: their dialog, the themes in the menu, and what they change.
class PreferencesPart : public QObject {
  Q_OBJECT

 public:
  /// `window` owns it, and dialogs appear over it; the others must outlive it.
  PreferencesPart(Session* session, const Preferences& preferences, StoreWriter* writer, QWidget* window);

  const Preferences& preferences() const { return preferences_; }
  EngineOptions engine_options() const;    ///< for the next model
  void set_theme(const QString& theme);    ///< light, dark or system
  void apply(const Preferences& changed);  ///< takes effect at once; saved by save()
  void save();

  void add_commands(CommandTable* commands, const QString& menu);
  void add_theme_commands(CommandTable* commands, const QString& menu);

 Q_SIGNALS:
  void changed();

 private:
  void show_dialog();

  Session* session_;
  QWidget* window_;
  StoreWriter* writer_;
  Preferences preferences_;
};

}  // namespace deer
