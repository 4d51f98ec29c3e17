// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/parallel_work.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <malloc.h>
#include <sched.h>

#include <exception>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

namespace deer {
namespace {

// OpenBLAS has its own threads, and lets one caller at a time use them.
int openblas_threads() {
  auto* get = reinterpret_cast<int (*)()>(::dlsym(RTLD_DEFAULT, "openblas_get_num_threads"));
  return get == nullptr ? 0 : get();
}

void set_openblas_threads(int threads) {
  auto* set = reinterpret_cast<void (*)(int)>(::dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
  if (set != nullptr && threads > 0) set(threads);
}

}  // namespace

SingleThreadedMath::SingleThreadedMath() : torch_threads_(at::get_num_threads()), blas_threads_(openblas_threads()) {
  at::set_num_threads(1);
  set_openblas_threads(1);
}

SingleThreadedMath::~SingleThreadedMath() {
  at::set_num_threads(torch_threads_);
  set_openblas_threads(blas_threads_);
}

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

int worker_count(int wanted) {
  if (wanted > 0) return wanted;
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

void keep_freed_memory() {
  constexpr int kLargestThreshold = 32 << 20;  // glibc's own limit
  ::mallopt(M_MMAP_THRESHOLD, kLargestThreshold);
  ::mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
  ::mallopt(M_TOP_PAD, 64 << 20);
  ::mallopt(M_ARENA_MAX, 1);
}

}  // namespace deer
