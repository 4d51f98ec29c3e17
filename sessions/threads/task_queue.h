// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <QThread>
#include <QThreadPool>
#include <exception>
#include <type_traits>
#include <utility>

namespace deer {

/// Tasks that run one after another on another thread, in the order of the calls: files to read or write, frames to
/// compare. Answers come on the thread that the queue lives on, and not once it is destroyed; its destructor waits for
/// the tasks.
class TaskQueue : public QObject {
 public:
  explicit TaskQueue(QObject* parent = nullptr, QThread::Priority priority = QThread::InheritPriority)
      : QObject(parent) {
    pool_.setMaxThreadCount(1);
    pool_.setThreadPriority(priority);
  }
  ~TaskQueue() override { finish(); }

  /// `work()` runs on the other thread; then `done(its result)`, or `done()` if it has none, or `failed(message)` if it
  /// threw, on this one.
  template <typename Work, typename Done, typename Failed>
  void post(Work work, Done done, Failed failed) {
    pool_.start([this, work = std::move(work), done = std::move(done), failed = std::move(failed)]() mutable {
      try {
        if constexpr (std::is_void_v<std::invoke_result_t<Work&>>) {
          work();
          answer(std::move(done));
        } else {
          answer([result = work(), done = std::move(done)]() mutable { done(std::move(result)); });
        }
      } catch (const std::exception& error) {
        answer([text = QString::fromUtf8(error.what()), failed = std::move(failed)]() mutable { failed(text); });
      }
    });
  }

  /// Returns when all tasks have run.
  void finish() { pool_.waitForDone(); }

 private:
  template <typename Answer>
  void answer(Answer answer) {
    QMetaObject::invokeMethod(this, std::move(answer), Qt::QueuedConnection);
  }

  QThreadPool pool_;
};

}  // namespace deer
