// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace deer::serve {

/// The one thread that a model is used from, and the tasks that wait for it, in order: rollouts take turns, because
/// each waits for its step's answer before it sends the next. Thread-safe.
class EngineThread {
 public:
  using Task = std::function<void()>;

  /// At most `most` tasks wait.
  explicit EngineThread(std::size_t most);

  /// Runs what waits, and ends the thread. Tasks see the stop of their callers, not this.
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  /// False, and the task is dropped, if too many wait. A task must not throw.
  bool post(Task task);

  /// Runs the task and waits for it; passes on what it throws. For starting up.
  void run(const Task& task);

  std::size_t waiting() const;

 private:
  void work();

  const std::size_t most_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool ending_ = false;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace deer::serve
