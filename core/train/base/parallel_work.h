// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>

namespace deer {

/// While it lives, each thread's LibTorch and BLAS operations run on that thread alone: for work that
/// is split between threads by hand, which wastes less than splitting every small operation.
/// Not to be used by two threads at once.
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

/// For a thread started while a SingleThreadedMath lives: its LibTorch operations run on it alone.
void use_one_thread_here();

/// Runs `work(0)` … `work(workers - 1)`, each on a thread of its own, and waits. The first exception
/// passes through after all have ended.
void run_on_threads(int workers, const std::function<void(int)>& work);

/// `wanted`, or one for each CPU that this process may use if it is 0 or less.
int worker_count(int wanted);

/// Has the allocator keep what is freed instead of giving it back to the system: training frees and
/// takes the same megabytes thousands of times, and fresh pages cost more than the arithmetic on them.
void keep_freed_memory();

}  // namespace deer
