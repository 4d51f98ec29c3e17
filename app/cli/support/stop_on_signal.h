// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stop_token>
#include <thread>

namespace deer::cli {

/// SIGINT or SIGTERM requests a stop; a second one ends the program at once. Only one instance at a time. Uses a
/// handler, not a signal mask: libraries start threads before main() that would receive the masked signal.
class StopOnSignal {
 public:
  explicit StopOnSignal(const char* unit) {
    received_ = 0;
    struct sigaction action = {};
    action.sa_handler = [](int) { received_.fetch_add(1); };
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &action, &old_int_);
    ::sigaction(SIGTERM, &action, &old_term_);
    thread_ = std::jthread([this, unit](const std::stop_token& done) {
      int seen = 0;
      while (!done.stop_requested()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        const int now = received_;
        if (now == seen) continue;
        if (seen > 0) std::_Exit(130);
        seen = now;
        std::fprintf(stderr, "stopping after this %s; press Ctrl-C again to stop at once\n", unit);
        source_.request_stop();
      }
    });
  }
  ~StopOnSignal() {
    ::sigaction(SIGINT, &old_int_, nullptr);
    ::sigaction(SIGTERM, &old_term_, nullptr);
  }
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

  std::stop_token token() const { return source_.get_token(); }

 private:
  static inline std::atomic<int> received_ = 0;  // lock-free, so safe in a signal handler
  struct sigaction old_int_ = {};
  struct sigaction old_term_ = {};
  std::stop_source source_;
  std::jthread thread_;
};

}  // namespace deer::cli
