// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <functional>
#include <optional>
#include <vector>

#include "core/budget/budget_solver.h"
#include "core/exits/exit_policy.h"

namespace deer {

class Session;

/// The policies that a session had, so that changes can be undone, whichever view made them. With each goes the budget
/// request that was shown when it became active. A model brings its own policy and empties the history. GUI thread
/// only.
class PolicyUndo : public QObject {
  Q_OBJECT

 public:
  /// The session's own, made when it is first asked for.
  static PolicyUndo* of(Session* session);

  /// Makes `policy` the session's. Changes with the same `step` that follow each other are one step: a drag's from
  /// press to release. 0: a step of its own.
  void change(const ExitPolicy& policy, const QString& text, quint64 step = 0);
  static quint64 new_step();  ///< a number that no other step has

  bool can_undo() const { return current_ > 0; }
  bool can_redo() const { return current_ + 1 < states_.size(); }
  QString undo_text() const { return can_undo() ? states_[current_].text : QString(); }  ///< "Threshold of exit 2"
  QString redo_text() const { return can_redo() ? states_[current_ + 1].text : QString(); }
  void undo() { restore(current_ - 1); }
  void redo() { restore(current_ + 1); }
  int count() const { return static_cast<int>(states_.size()) - 1; }  ///< steps that can be undone or redone
  void clear();

  /// What is asked for the request that is shown whenever a policy becomes active.
  void set_request_source(std::function<BudgetRequest()> source) { request_source_ = std::move(source); }
  /// The request that is shown now goes with the active policy.
  void note_request() { states_[current_].request = shown_request(); }

 Q_SIGNALS:
  void changed();
  /// undo() or redo() made a policy active that went with this request.
  void restored(const std::optional<deer::BudgetRequest>& request);

 private:
  struct State {
    ExitPolicy policy;
    std::optional<BudgetRequest> request;
    QString text;  ///< of the step that led to it
    quint64 step = 0;
  };

  explicit PolicyUndo(Session* session);
  void take_policy();
  void push(const ExitPolicy& policy, const QString& text, quint64 step);
  void restore(std::size_t place);
  std::optional<BudgetRequest> shown_request() const;

  Session* session_;
  std::vector<State> states_;  ///< never empty
  std::size_t current_ = 0;
  bool restoring_ = false;
  QString text_;  ///< of the change under way
  quint64 step_ = 0;
  std::function<BudgetRequest()> request_source_;
};

}  // namespace deer
