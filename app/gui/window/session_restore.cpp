// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/session_restore.h"

#include "app/gui/commands/command_table.h"
#include "app/gui/window/session_keeper.h"
#include "core/base/error.h"
#include "sessions/base/paths.h"
#include "sessions/session/live_session.h"
#include "sessions/session/trace_session.h"
#include "sessions/store/store_writer.h"

namespace deer {

SessionRestore::SessionRestore(Session* session, SessionStore store, QObject* parent)
    : QObject(parent), session_(session), store_(std::move(store)), saved_(store_.load_session()) {
  can_restore_ = !saved_.model.empty() || !saved_.source.empty();
  writer_ = new StoreWriter(store_, this);
  connect(writer_, &StoreWriter::failed, this, [this](const QString& details) {
    Q_EMIT warning({tr("The session could not be saved"), details, {}});
  });
  keeper_ = new SessionKeeper(
      session_, writer_, [this] { return snapshot(); }, this);
}

void SessionRestore::begin() { last_ending_ = keeper_->begin(saved_); }

void SessionRestore::restore_last(bool reopen) {
  const auto by_hand = tr("Use File › Open last session to open it.");
  if (last_ending_ == Ending::restoring && can_restore_) {
    return Q_EMIT warning(
        {tr("Deerscope crashed while restoring the last session"), tr("Starting with an empty session."), by_hand});
  }
  const bool crashed = last_ending_ == Ending::open && can_restore_;
  if (reopen) restore();
  if (!crashed) return;
  Q_EMIT note({tr("Deerscope closed unexpectedly"),
               reopen ? tr("Restoring the previous session.") : tr("The previous session was saved."),
               reopen ? QString() : by_hand});
}

void SessionRestore::restore() {
  if (!can_restore_) return;
  can_restore_ = false;
  keeper_->restoring(saved_);
  if (window_.restore) window_.restore(saved_);
  if (!saved_.model.empty()) {
    policy_ = saved_.policy;
    session_->open_model(saved_.model, saved_.engine_options);
  }
  if (!saved_.source.empty()) {
    frame_ = saved_.frame;
    session_->open_source(saved_.source, saved_.source_options, saved_.episode);
  }
}

void SessionRestore::add_commands(CommandTable* commands, const QString& menu) {
  commands->add(menu, {{.id = "file.restore_session",
                        .text = tr("Open &last session"),
                        .tip = tr("Open what was open when Deerscope was last closed."),
                        .shortcuts = {QKeySequence(tr("Ctrl+Alt+R"))},
                        .run = [this] { restore(); },
                        .enabled = [this] { return can_restore_; },
                        .separator_before = true}});
}

void SessionRestore::opening(ProblemId failure) {
  if (failure == ProblemId::model_not_opened) {
    policy_.reset();
  } else {
    frame_.reset();
  }
}

void SessionRestore::model_opened() {
  if (!session_->trace()->metadata()) SessionStore::add_recent(saved_.recent_models, to_qstring(model_path()));
  if (policy_) session_->set_policy(*std::exchange(policy_, std::nullopt));
}

void SessionRestore::data_opened() {
  SessionStore::add_recent(saved_.recent_sources, to_qstring(session_->collection()->path()));
}

void SessionRestore::episode_opened() {
  if (frame_) session_->set_current_frame(*std::exchange(frame_, std::nullopt));
  if (session_->live()->is_open() && !session_->episode()->info().path.empty()) {
    SessionStore::add_recent(saved_.recent_sources, to_qstring(session_->episode()->info().path));
  }
}

std::filesystem::path SessionRestore::model_path() const {
  const auto& path = session_->model()->path;
  return lasting_path_ ? lasting_path_(path) : path;
}

SavedSession SessionRestore::snapshot() const {
  SavedSession state = saved_;
  state.ending = Ending::closed;
  if (window_.save) window_.save(&state);
  // What was not opened again can still be, until something else is open.
  if (can_restore_ && !session_->model() && !session_->collection()) {
    state.debug = saved_.debug;
    return state;
  }
  state.model.clear();
  state.source.clear();
  state.policy.reset();
  // A trace brings its own model and policy when it opens again.
  if (const auto* const model = session_->model(); model && !session_->trace()->metadata()) {
    state.model = model_path();
    state.engine_options = session_->engine_options();
    state.policy = session_->policy();
  }
  if (const auto* const collection = session_->collection()) {
    state.source = collection->path();
    state.source_options = session_->source_options();
    state.episode = session_->episode_index().value_or(0);
    state.frame = session_->live()->is_open() ? 0 : std::max<qint64>(session_->current_frame(), 0);
  }
  return state;
}

void SessionRestore::close() {
  keeper_->stop();
  if (!saves_) return;
  const auto state = snapshot();
  try {
    store_.save(state);
    saved_ = state;
  } catch (const Error& error) {
    qWarning("%s", error.what());
  }
}

}  // namespace deer
