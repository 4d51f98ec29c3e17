// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/series/recorded_actions.h"

#include <algorithm>

#include "sessions/series/episode_states.h"
#include "sessions/session/trace_session.h"

namespace deer {

ActionLayoutPtr shown_layout(const Session& session) {
  if (const auto* const model = session.model()) return model->layout;
  const auto* const episode = session.episode();
  return episode != nullptr && episode->info().action_layout ? episode->info().action_layout : ActionLayout::deer();
}

bool records_model_actions(const Session& session) {
  const auto* const model = session.model();
  const auto* const episode = session.episode();
  if (model == nullptr || episode == nullptr || session.trace()->metadata()) return true;
  const auto& recorded = episode->info().action_layout;
  return !recorded || *recorded == *model->layout;
}

std::span<const double> comparable_action(const Session& session, const Observation& seen) {
  return records_model_actions(session) ? recorded_action(seen) : std::span<const double>();
}

RecordedActions::RecordedActions(Session* session, QObject* parent)
    : QObject(parent), session_(session), states_(EpisodeStates::of(session)) {
  connect(session, &Session::episode_changed, this, &RecordedActions::start_anew);
  connect(session, &Session::model_changed, this, &RecordedActions::start_anew);
  connect(session, &Session::current_frame_changed, this, &RecordedActions::ask);
  connect(states_, &EpisodeStates::read, this, &RecordedActions::take);
  start_anew();
}

void RecordedActions::set_wanted(bool wanted) {
  wanted_ = wanted;
  ask();
}

void RecordedActions::start_anew() {
  actions_.clear();
  actions_.resize(static_cast<std::size_t>(session_->frame_count()));
  Q_EMIT started_anew();
  take(0, frames() - 1);
  ask();
}

void RecordedActions::take(qint64 first, qint64 last) {
  if (frames() < session_->frame_count()) actions_.resize(static_cast<std::size_t>(session_->frame_count()));
  for (qint64 frame = std::max<qint64>(first, 0); frame <= std::min(last, frames() - 1); ++frame) {
    auto& mine = actions_[static_cast<std::size_t>(frame)];
    const auto state = mine.empty() ? states_->at(frame) : nullptr;
    if (!state) continue;
    const auto action = comparable_action(*session_, *state);
    if (action.empty()) continue;
    mine.assign(action.begin(), action.end());
    Q_EMIT changed(frame);
  }
}

void RecordedActions::ask() {
  const auto middle = session_->current_frame();
  if (wanted_ && middle >= 0) states_->ask(middle - kReach, middle + kReach, middle);
}

}  // namespace deer
