// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/session/policy_undo.h"

#include <QScopedValueRollback>
#include <utility>

#include "sessions/session/session.h"

namespace deer {

PolicyUndo* PolicyUndo::of(Session* session) {
  auto* const there = session->findChild<PolicyUndo*>(QString(), Qt::FindDirectChildrenOnly);
  return there ? there : new PolicyUndo(session);
}

PolicyUndo::PolicyUndo(Session* session) : QObject(session), session_(session) {
  states_.push_back({session->policy(), std::nullopt, {}, 0});
  connect(session, &Session::policy_changed, this, &PolicyUndo::take_policy);
  connect(session, &Session::model_changed, this, &PolicyUndo::clear);
}

quint64 PolicyUndo::new_step() {
  static quint64 newest = 0;
  return ++newest;
}

void PolicyUndo::change(const ExitPolicy& policy, const QString& text, quint64 step) {
  if (policy == session_->policy()) return;
  const QScopedValueRollback named(text_, text);
  const QScopedValueRollback numbered(step_, step);
  session_->set_policy(policy);
}

void PolicyUndo::take_policy() {
  const auto& policy = session_->policy();
  if (restoring_ || policy == states_[current_].policy) return;
  // Changes made past this history can be undone all the same.
  push(policy, text_.isEmpty() ? tr("Policy") : text_, step_);
}

void PolicyUndo::push(const ExitPolicy& policy, const QString& text, quint64 step) {
  states_.resize(current_ + 1);
  const bool continues = step != 0 && current_ > 0 && states_[current_].step == step;
  if (continues) {
    states_.pop_back();
    if (states_.back().policy == policy) {
      current_ = states_.size() - 1;  // back where the drag began: no step is left
      Q_EMIT changed();
      return;
    }
  }
  states_.push_back({policy, shown_request(), text, step});
  current_ = states_.size() - 1;
  Q_EMIT changed();
}

void PolicyUndo::restore(std::size_t place) {
  if (place >= states_.size()) return;
  {
    const QScopedValueRollback restoring(restoring_, true);
    session_->set_policy(states_[place].policy);
  }
  if (session_->policy() != states_[place].policy) return;  // refused
  current_ = place;
  states_[current_].step = 0;  // a drag that goes on later begins a new step
  Q_EMIT restored(states_[current_].request);
  Q_EMIT changed();
}

void PolicyUndo::clear() {
  const auto request = shown_request();
  states_.assign(1, {session_->policy(), request, {}, 0});
  current_ = 0;
  Q_EMIT changed();
}

std::optional<BudgetRequest> PolicyUndo::shown_request() const {
  return request_source_ ? std::optional(request_source_()) : std::nullopt;
}

}  // namespace deer
