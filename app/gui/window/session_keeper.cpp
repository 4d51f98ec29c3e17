// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/session_keeper.h"

#include "sessions/store/store_writer.h"

namespace deer {

SessionKeeper::SessionKeeper(Session* session, StoreWriter* writer, std::function<SavedSession()> snapshot,
                             QObject* parent)
    : QObject(parent), session_(session), writer_(writer), snapshot_(std::move(snapshot)) {
  timer_.setSingleShot(true);
  timer_.setInterval(kEveryMs);
  connect(&timer_, &QTimer::timeout, this, &SessionKeeper::save);
  for (const auto signal : {&Session::model_changed, &Session::collection_changed, &Session::policy_changed}) {
    connect(session_, signal, this, &SessionKeeper::note_change);
  }
  connect(session_, &Session::episode_changed, this, &SessionKeeper::note_change);
  connect(session_, &Session::current_frame_changed, this, &SessionKeeper::note_change);
}

Ending SessionKeeper::begin(const SavedSession& last) {
  keeps_ = writer_->keeps_folder();
  note_change();
  return keeps_ ? last.ending : Ending::closed;
}

void SessionKeeper::restoring(const SavedSession& last) {
  if (!keeps_) return;
  auto state = last;
  state.ending = Ending::restoring;
  writer_->save(std::move(state));
}

void SessionKeeper::note_change() {
  // Not restarted by every change: while an episode plays there is always another.
  if (keeps_ && !timer_.isActive()) timer_.start();
}

void SessionKeeper::stop() {
  timer_.stop();
  keeps_ = false;
  writer_->finish();
}

void SessionKeeper::save() {
  const auto activity = session_->activity();
  if (activity == Session::Activity::loading_model || activity == Session::Activity::opening_source) {
    return timer_.start();
  }
  auto state = snapshot_();
  state.ending = Ending::open;
  writer_->save(std::move(state));
}

}  // namespace deer
