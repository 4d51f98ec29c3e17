// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stop_token>
#include <thread>

namespace deer::cli {

/// SIGINT and SIGTERM ask for a stop; a second one ends the program at once. Make it before any other thread.
class StopOnSignal {
 public:
  explicit StopOnSignal(const char* unit) {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    // Threads that start later inherit it.
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::jthread([this, unit](const std::stop_token& done) {
      const timespec patience{0, 200'000'000};
      while (!done.stop_requested()) {
        if (sigtimedwait(&signals_, nullptr, &patience) < 0) continue;
        if (source_.stop_requested()) std::_Exit(130);
        std::fprintf(stderr, "stopping after this %s; once more to stop at once\n", unit);
        source_.request_stop();
      }
    });
  }

  std::stop_token token() const { return source_.get_token(); }

 private:
  sigset_t signals_;
  std::stop_source source_;
  std::jthread thread_;
};

}  // namespace deer::cli
