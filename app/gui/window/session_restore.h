// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <functional>
#include <optional>

#include "sessions/session/session.h"
#include "sessions/store/session_store.h"

namespace deer {

class CommandTable;
class SessionKeeper;
class StoreWriter;

/// Saves what is open, and opens it again at the next start: model, data, episode, frame, policy, and what the window
/// adds. Also keeps the lists of recent files.
class SessionRestore : public QObject {
  Q_OBJECT

 public:
  /// What the window adds to a saved session and takes from it.
  struct Window {
    std::function<void(SavedSession*)> save;
    std::function<void(const SavedSession&)> restore;
  };

  /// `session` must outlive it.
  SessionRestore(Session* session, SessionStore store, QObject* parent);

  void set_window(Window window) { window_ = std::move(window); }
  /// By which path a model is opened again, if not by its own.
  void set_lasting_path(std::function<std::filesystem::path(const std::filesystem::path&)> lasting_path) {
    lasting_path_ = std::move(lasting_path);
  }
  void set_saves(bool saves) { saves_ = saves; }  ///< false: closing the window saves nothing
  bool saves() const { return saves_; }

  SessionStore& store() { return store_; }
  StoreWriter* writer() const { return writer_; }
  SessionKeeper* keeper() const { return keeper_; }
  const SavedSession& saved() const { return saved_; }  ///< of the last program, with the recent files of this one

  void begin();  ///< saves the session from here on as it changes
  /// After begin(): opens what was open, if `reopen`. After a crash a message says so; what was being opened when the
  /// program crashed is not opened again unasked.
  void restore_last(bool reopen);
  void add_commands(CommandTable* commands, const QString& menu);
  void close();

  // The window tells what has happened, after its views have taken it in.
  void opening(ProblemId failure);  ///< by the user: what was to be restored of it is out of date
  void model_opened();
  void data_opened();
  void episode_opened();

 Q_SIGNALS:
  void problem(const deer::Problem& problem);
  void warning(const deer::Problem& problem);
  void note(const deer::Problem& problem);

 private:
  void restore();
  std::filesystem::path model_path() const;  ///< of the open model, to open it again
  SavedSession snapshot() const;

  Session* session_;
  SessionStore store_;
  SavedSession saved_;
  StoreWriter* writer_;
  SessionKeeper* keeper_;
  Window window_;
  std::function<std::filesystem::path(const std::filesystem::path&)> lasting_path_;
  Ending last_ending_ = Ending::closed;
  bool can_restore_ = false;  ///< what was open last is not open again, and can be
  bool saves_ = true;
  std::optional<ExitPolicy> policy_;  ///< these two wait for the model and the episode
  std::optional<qint64> frame_;
};

}  // namespace deer
