// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

namespace deer {

/// A thread that does the newest of what it is asked for: a request forgets the one before that has not begun, and
/// asks the one that has to stop. Used from one thread; no call but the destructor waits.
class NewestTask {
 public:
  /// Runs on the task's thread. What it throws is its own business: it must not.
  using Work = std::function<void(const std::stop_token& stop)>;

  NewestTask() : thread_([this](const std::stop_token& stop) { loop(stop); }) {}
  ~NewestTask() {
    current_.request_stop();
    thread_.request_stop();
    thread_.join();
  }
  NewestTask(const NewestTask&) = delete;
  NewestTask& operator=(const NewestTask&) = delete;

  void ask(Work work) {
    forget();
    {
      const std::scoped_lock lock(mutex_);
      work_ = std::move(work);
      token_ = current_.get_token();
    }
    wake_.notify_one();
  }

  void forget() {
    current_.request_stop();
    current_ = std::stop_source();
    const std::scoped_lock lock(mutex_);
    work_ = nullptr;
  }

 private:
  void loop(const std::stop_token& stop) {
    while (true) {
      Work work;
      std::stop_token token;
      {
        std::unique_lock lock(mutex_);
        if (!wake_.wait(lock, stop, [this] { return work_ != nullptr; })) return;
        work = std::exchange(work_, nullptr);
        token = token_;
      }
      work(token);
    }
  }

  std::stop_source current_;

  std::mutex mutex_;  // guards the block below
  std::condition_variable_any wake_;
  Work work_;
  std::stop_token token_;

  std::jthread thread_;
};

}  // namespace deer
