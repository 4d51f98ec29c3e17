// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QLockFile>
#include <QObject>
#include <atomic>
#include <functional>

#include "sessions/store/session_store.h"
#include "sessions/threads/task_queue.h"

namespace deer {

/// Saves into a SessionStore's folder on a thread of its own, in the order of the calls, so that the window never
/// waits for the disk. Its destructor waits for what is being saved. To be used from one thread.
class StoreWriter : public QObject {
  Q_OBJECT

 public:
  explicit StoreWriter(const SessionStore& store, QObject* parent = nullptr);

  /// Of sessions that still wait to be saved only the newest is.
  void save(SavedSession session);
  void save(std::vector<NamedLayout> layouts);
  void save(const Preferences& preferences);
  void finish();  ///< returns when all is saved

  /// Whether this program is the one that keeps the folder: the first that asked, until it ends. Only its sessions tell
  /// how a program ended.
  bool keeps_folder();

 Q_SIGNALS:
  void failed(const QString& details);

 private:
  void post(std::function<void(SessionStore&)> write);

  SessionStore store_;
  QLockFile lock_;
  std::atomic<unsigned> newest_ = 0;
  TaskQueue files_;  // last member: its tasks use all of the above
};

}  // namespace deer
