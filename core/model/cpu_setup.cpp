// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/cpu_setup.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

#include "core/base/cpus.h"

namespace deer {
namespace {

constexpr std::int64_t kWorthThreads = 30'000'000;  // parameters

int all_threads = 0;  // 0: chosen by OMP_NUM_THREADS

bool cpu_has(const std::string& flag) {
  std::ifstream in("/proc/cpuinfo");
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("flags")) return (line + " ").find(" " + flag + " ") != std::string::npos;
  }
  return false;
}

void mend_openblas_core_type(char** argv) {
  if (std::getenv("OPENBLAS_CORETYPE") != nullptr) return;
  auto* core = reinterpret_cast<char* (*)()>(::dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  if (core == nullptr) return;
  const std::string name = core();
  // Kernels without AVX2 on a CPU that has it: OpenBLAS did not recognise the CPU.
  const bool old_kernels = name == "Prescott" || name == "Nehalem" || name == "Sandybridge" || name == "Core2" ||
                           name == "generic" || name == "Barcelona" || name == "Bulldozer";
  if (!old_kernels || !cpu_has("avx2")) return;
  ::setenv("OPENBLAS_CORETYPE", cpu_has("avx512f") ? "SKYLAKEX" : "HASWELL", 1);
  ::execv("/proc/self/exe", argv);
  // If this is not permitted, the program continues, but slower.
}

}  // namespace

void set_up_cpu(char** argv) {
  mend_openblas_core_type(argv);
  if (std::getenv("OMP_NUM_THREADS") != nullptr) return;
  all_threads = usable_cpus();
  at::set_num_threads(all_threads);
}

int blas_threads() {
  auto* get = reinterpret_cast<int (*)()>(::dlsym(RTLD_DEFAULT, "openblas_get_num_threads"));
  return get == nullptr ? 0 : get();
}

void set_math_threads(int torch, int blas) {
  if (at::get_num_threads() != torch) at::set_num_threads(torch);
  auto* set = reinterpret_cast<void (*)(int)>(::dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
  if (set != nullptr && blas > 0) set(blas);
}

void choose_threads_for(std::int64_t parameters) {
  if (all_threads == 0) return;
  const auto threads = parameters < kWorthThreads ? 1 : all_threads;
  set_math_threads(threads, threads);
}

}  // namespace deer
