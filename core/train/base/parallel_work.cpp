// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/base/parallel_work.h"

#include <ATen/Parallel.h>
#include <malloc.h>

#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/cpus.h"
#include "core/model/cpu_setup.h"

namespace deer {

SingleThreadedMath::SingleThreadedMath() : torch_threads_(at::get_num_threads()), blas_threads_(blas_threads()) {
  // OpenBLAS lets one caller at a time use its threads.
  set_math_threads(1, 1);
}

SingleThreadedMath::~SingleThreadedMath() { set_math_threads(torch_threads_, blas_threads_); }

void use_one_thread_here() {
  if (at::get_num_threads() != 1) at::set_num_threads(1);
}

void run_on_threads(int workers, const std::function<void(int)>& work) {
  std::mutex mutex;
  std::exception_ptr failure;
  const auto guarded = [&](int worker) {
    try {
      work(worker);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int worker = 1; worker < workers; ++worker) {
      threads.emplace_back([&guarded, worker] {
        use_one_thread_here();
        guarded(worker);
      });
    }
    guarded(0);
  }
  if (failure) std::rethrow_exception(failure);
}

int worker_count(int wanted) { return wanted > 0 ? wanted : usable_cpus(); }

void keep_freed_memory() {
  constexpr int kLargestThreshold = 32 << 20;  // glibc's own limit
  ::mallopt(M_MMAP_THRESHOLD, kLargestThreshold);
  ::mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  ::mallopt(M_TOP_PAD, 64 << 20);
  ::mallopt(M_ARENA_MAX, 1);
}

}  // namespace deer
