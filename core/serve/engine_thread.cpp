// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/engine_thread.h"

#include <future>

#include "core/base/error.h"

namespace deer::serve {

EngineThread::EngineThread(std::size_t most) : most_(most), thread_([this] { work(); }) {}

EngineThread::~EngineThread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
}

bool EngineThread::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (ending_ || tasks_.size() >= most_) return false;
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
  return true;
}

void EngineThread::run(const Task& task) {
  std::promise<void> done;
  const bool posted = post([&] {
    try {
      task();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  if (!posted) throw Error("the engine's thread is busy or ending");
  done.get_future().get();
}

std::size_t EngineThread::waiting() const {
  const std::lock_guard lock(mutex_);
  return tasks_.size();
}

void EngineThread::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

}  // namespace deer::serve
