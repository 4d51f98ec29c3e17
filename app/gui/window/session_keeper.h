// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTimer>
#include <functional>

#include "sessions/session/session.h"
#include "sessions/store/session_store.h"

namespace deer {

class StoreWriter;

/// Saves the session every few seconds while it changes, so that little is lost if the program is killed. The next
/// start can tell that it was.
class SessionKeeper : public QObject {
  Q_OBJECT

 public:
  static constexpr int kEveryMs = 2000;

  /// `snapshot` is called on the GUI thread. All must outlive the keeper.
  SessionKeeper(Session* session, StoreWriter* writer, std::function<SavedSession()> snapshot, QObject* parent);

  /// Starts saving. Returns how the program that saved `last` ended, or `closed` if unknown because another program
  /// uses the same folder.
  Ending begin(const SavedSession& last);
  /// Marks `last` as being restored until it is open, so that the next start can tell if the program crashed on it.
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
