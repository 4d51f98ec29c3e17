// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTimer>
#include <functional>

#include "sessions/session/session.h"
#include "sessions/store/session_store.h"

namespace deer {

class StoreWriter;

/// Saves the session every few seconds while it changes, so that little is lost if the program is killed, and tells
/// at the next start that it was.
class SessionKeeper : public QObject {
  Q_OBJECT

 public:
  static constexpr int kEveryMs = 2000;

  /// `snapshot` is asked on the thread of the window. All must outlive the keeper.
  SessionKeeper(Session* session, StoreWriter* writer, std::function<SavedSession()> snapshot, QObject* parent);

  /// Starts to save. Answers how the program ended that saved `last`, or `closed` where that cannot be told: another
  /// program runs on the same folder.
  Ending begin(const SavedSession& last);
  /// What is saved stays `last` until it is open: a program that crashes over it can be told at the next start.
  void restoring(const SavedSession& last);
  void note_change();
  void stop();  ///< returns when nothing is being saved

 private:
  void save();

  Session* session_;
  StoreWriter* writer_;
  std::function<SavedSession()> snapshot_;
  QTimer timer_;
  bool keeps_ = false;
};

}  // namespace deer
