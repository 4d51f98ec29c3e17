// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

namespace deer {

/// "auto" (CUDA if there is any), "cpu", "cuda" or "cuda:N". Throws Error that lists the available devices.
at::Device resolve_device(const std::string& name);

/// "auto", "float32", "bfloat16" or "float16". Automatic on CUDA: bfloat16 if the GPU supports it,
/// else float16; on the CPU: bfloat16 for models above 100 million parameters if a short
/// measurement of a matrix product finds it at least 1.5 times faster, else float32.
at::ScalarType resolve_dtype(const std::string& name, at::Device device, std::int64_t parameters);

/// "float32", "bfloat16", "float16".
std::string dtype_name(at::ScalarType dtype);

/// "cpu" or "cuda:0 (NVIDIA H200)".
std::string device_label(at::Device device);

/// Waits until the device has finished its work. Does nothing on the CPU.
void synchronize(at::Device device);

/// Billions of multiply-adds per second in a square matrix product, best of several runs.
double measure_matmul_gmacs(at::Device device, at::ScalarType dtype, std::int64_t size);

/// This machine, for `deer info`.
struct MachineReport {
  std::string torch_version;
  std::string cpu;                 ///< model name
  std::string vector_extensions;   ///< "AVX-512, bfloat16, AMX", as reported by the CPU
  int threads = 0;                 ///< LibTorch's
  std::string blas;                ///< "OpenBLAS 0.3.21 (core Zen)", "BLIS", "reference BLAS", "MKL"
  bool blas_is_reference = false;  ///< 10 to 100 times slower than OpenBLAS
  double float32_gmacs = 0;        ///< measured, 512 x 512
  double bfloat16_gmacs = 0;       ///< 0 if not supported
  std::vector<std::string> cuda_devices;
  std::int64_t memory_total_bytes = 0;
  std::int64_t memory_available_bytes = 0;
};
MachineReport inspect_machine();

/// Available memory in bytes, from /proc/meminfo; -1 if unknown.
std::int64_t available_memory_bytes();

/// Resident memory of this process and its peak, in bytes; -1 if unknown.
std::int64_t resident_memory_bytes();
std::int64_t peak_resident_memory_bytes();

}  // namespace deer
