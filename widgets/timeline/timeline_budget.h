// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>

namespace deer {

class Budget;
class Session;
class TimelineView;

/// Keeps the timeline's cost track in the unit of the average that is asked of the budget: milliseconds or GFLOPs
/// where they are known, else layers.
class TimelineBudget : public QObject {
  Q_OBJECT

 public:
  /// All must outlive it, but the view may go first.
  TimelineBudget(const Session* session, const Budget* budget, TimelineView* view, QObject* parent = nullptr);

 private:
  void update();

  const Session* session_;
  const Budget* budget_;
  TimelineView* view_;
};

}  // namespace deer
