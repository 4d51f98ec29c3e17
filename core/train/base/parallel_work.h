// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>

namespace deer {

/// During its lifetime, each thread's LibTorch and BLAS operations run only on that thread: for work that is explicitly
/// split between threads, which is more efficient than splitting every small operation. Not for use by two threads at
/// once.
class SingleThreadedMath {
 public:
  SingleThreadedMath();
  ~SingleThreadedMath();
  SingleThreadedMath(const SingleThreadedMath&) = delete;
  SingleThreadedMath& operator=(const SingleThreadedMath&) = delete;

 private:
  int torch_threads_;
  int blas_threads_ = 0;
};

/// For a thread started during a SingleThreadedMath: its LibTorch operations run only on it.
void use_one_thread_here();

/// Runs `work(0)` … `work(workers - 1)`, each on its own thread, and waits. The first exception is rethrown after all
/// have ended.
void run_on_threads(int workers, const std::function<void(int)>& work);

/// `wanted`, or if it is 0 or less, one per CPU that this process may use.
int worker_count(int wanted);

/// Makes the allocator keep freed memory instead of returning it to the system: training frees and allocates the same
/// megabytes thousands of times, and fresh pages cost more than the arithmetic on them.
void keep_freed_memory();

}  // namespace deer
