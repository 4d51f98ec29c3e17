// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QFrame>
#include <deque>

#include "sessions/base/problem.h"

class QLabel;
class QToolButton;

namespace deer {

/// Problems and warnings at the top of the window: what happened, where, what to do next. Never
/// blocks; the newest is shown, older ones can be paged to, each is dismissed by hand.
class MessageBar : public QFrame {
  Q_OBJECT

 public:
  enum class Level { note, warning, error };

  explicit MessageBar(QWidget* parent = nullptr);

  void add(Level level, const Problem& problem);
  /// Removes messages of this id, for example once what failed has worked.
  void remove(ProblemId id);
  void dismiss();  ///< the one shown
  void dismiss_all();
  std::size_t count() const { return entries_.size(); }
  QString title() const;    ///< of the one shown
  QString details() const;  ///< likewise, as on screen

 protected:
  void changeEvent(QEvent* event) override;

 private:
  struct Entry {
    Level level;
    Problem problem;
  };

  void show_current();
  void restyle();

  std::deque<Entry> entries_;
  std::size_t current_ = 0;
  bool open_ = false;

  QLabel* icon_;
  QLabel* title_;
  QLabel* text_;
  QLabel* details_;
  QLabel* place_;
  QToolButton* disclose_;
  QToolButton* before_;
  QToolButton* after_;
  QToolButton* dismiss_;
};

}  // namespace deer
