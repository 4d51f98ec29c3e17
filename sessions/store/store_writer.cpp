// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/store/store_writer.h"

#include <system_error>

#include "sessions/base/paths.h"

namespace deer {

StoreWriter::StoreWriter(const SessionStore& store, QObject* parent)
    : QObject(parent), store_(store), lock_(to_qstring(store.folder() / "running.lock")) {
  lock_.setStaleLockTime(0);  // a program may run for days; one that is gone is told by its process number
}

bool StoreWriter::keeps_folder() {
  if (lock_.isLocked()) return true;
  std::error_code error;
  std::filesystem::create_directories(store_.folder(), error);
  return !error && lock_.tryLock(0);
}

void StoreWriter::save(SavedSession session) {
  const unsigned number = ++newest_;
  post([this, number, session = std::move(session)](SessionStore& store) {
    if (number == newest_) store.save(session);
  });
}

void StoreWriter::save(std::vector<NamedLayout> layouts) {
  post([layouts = std::move(layouts)](SessionStore& store) { store.save(layouts); });
}

void StoreWriter::save(const Preferences& preferences) {
  post([preferences](SessionStore& store) { store.save(preferences); });
}

void StoreWriter::finish() { files_.finish(); }

void StoreWriter::post(std::function<void(SessionStore&)> write) {
  files_.post([this, write = std::move(write)] { write(store_); }, [] {},
              [this](const QString& details) { Q_EMIT failed(details); });
}

}  // namespace deer
