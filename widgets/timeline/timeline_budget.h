// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>

namespace deer {

class Budget;
class Session;
class TimelineView;

/// Sets the timeline's cost track to the unit of the requested average: milliseconds or GFLOPs if known, otherwise
/// layers.
class TimelineBudget : public QObject {
  Q_OBJECT

 public:
  /// All must outlive it, except the view.
  TimelineBudget(const Session* session, const Budget* budget, TimelineView* view, QObject* parent = nullptr);

 private:
  void update();

  const Session* session_;
  const Budget* budget_;
  TimelineView* view_;
};

}  // namespace deer
