// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractEventDispatcher>
#include <QApplication>
#include <QMetaEnum>
#include <QThread>
#include <algorithm>
#include <ctime>
#include <map>
#include <utility>
#include <vector>

namespace deer::bench {

/// Time that the GUI thread works, without the time it waits for events. A turn begins with the first event that is
/// delivered after a wait and ends with the next wait; a step is what was worked between two calls of next_step().
class TurnClock : public QApplication {
 public:
  struct Time {
    double wall_ms = 0;
    double cpu_ms = 0;  ///< of this thread
  };
  struct Step {
    Time busy;
    double longest_turn_ms = 0;  ///< wall
  };

  TurnClock(int& argc, char** argv) : QApplication(argc, argv) {
    connect(
        QAbstractEventDispatcher::instance(), &QAbstractEventDispatcher::aboutToBlock, this, [this] { end_turn(); },
        Qt::DirectConnection);
  }

  /// Ends a step, and answers what it took. What works at the moment belongs to the next one from here on.
  Step next_step() {
    if (in_turn_) add(since(begin_));
    begin_ = now();
    turn_ms_ = 0;
    return std::exchange(step_, {});
  }

  /// Notes where time goes: by kind of event and class of receiver, each without what is delivered inside of it.
  void watch_places(bool watch) { watch_places_ = watch; }
  std::vector<std::pair<QByteArray, double>> take_places() {
    std::vector<std::pair<QByteArray, double>> out(places_.begin(), places_.end());
    places_.clear();
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    return out;
  }

  bool notify(QObject* receiver, QEvent* event) override {
    // Events of other threads come here too.
    if (QThread::currentThread() != thread()) return QApplication::notify(receiver, event);
    if (!in_turn_) {
      in_turn_ = true;
      begin_ = now();
      turn_ms_ = 0;
    }
    if (!watch_places_) return QApplication::notify(receiver, event);
    auto place = QByteArray(QMetaEnum::fromType<QEvent::Type>().valueToKey(event->type())) + ' ' +
                 receiver->metaObject()->className();
    if (event->type() == QEvent::Timer && receiver->parent()) {
      place += QByteArray(" of ") + receiver->parent()->metaObject()->className();
    }
    const auto outside = std::exchange(inside_ms_, 0.0);
    const auto from = now();
    const bool taken = QApplication::notify(receiver, event);
    const auto took = since(from).cpu_ms;
    places_[place] += took - inside_ms_;
    inside_ms_ = outside + took;
    return taken;
  }

 private:
  static double milliseconds(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
  }
  static Time now() { return {milliseconds(CLOCK_MONOTONIC), milliseconds(CLOCK_THREAD_CPUTIME_ID)}; }
  static Time since(const Time& from) {
    const auto to = now();
    return {to.wall_ms - from.wall_ms, to.cpu_ms - from.cpu_ms};
  }

  void add(const Time& time) {
    step_.busy.wall_ms += time.wall_ms;
    step_.busy.cpu_ms += time.cpu_ms;
    turn_ms_ += time.wall_ms;
    step_.longest_turn_ms = std::max(step_.longest_turn_ms, turn_ms_);
  }
  void end_turn() {
    if (!std::exchange(in_turn_, false)) return;
    add(since(begin_));
  }

  bool in_turn_ = false;
  Time begin_;
  double turn_ms_ = 0;
  Step step_;
  bool watch_places_ = false;
  double inside_ms_ = 0;
  std::map<QByteArray, double> places_;
};

}  // namespace deer::bench
