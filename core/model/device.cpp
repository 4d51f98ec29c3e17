// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/device.h"

#include <ATen/Parallel.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <dlfcn.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/base/error.h"
#include "core/model/torch_compat.h"

#if __has_include(<ATen/cuda/CUDAContext.h>) && defined(DEER_HAVE_CUDA)
#include <ATen/cuda/CUDAContext.h>
#endif

namespace deer {
namespace {

std::int64_t cuda_count() { return at::hasCUDA() ? c10::impl::VirtualGuardImpl(at::kCUDA).deviceCount() : 0; }

std::string cuda_name([[maybe_unused]] int index) {
#ifdef DEER_HAVE_CUDA
  return at::cuda::getDeviceProperties(static_cast<c10::DeviceIndex>(index))->name;
#else
  return "CUDA device";
#endif
}

bool cuda_has_bfloat16([[maybe_unused]] at::Device device) {
#ifdef DEER_HAVE_CUDA
  return at::cuda::getDeviceProperties(device.has_index() ? device.index() : c10::DeviceIndex{0})->major >= 8;
#else
  return false;
#endif
}

// "key : value" of /proc files.
std::string proc_value(const char* file, const std::string& key) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with(key)) {
      const auto colon = line.find(':');
      if (colon == std::string::npos) continue;
      const auto begin = line.find_first_not_of(" \t", colon + 1);
      return begin == std::string::npos ? "" : line.substr(begin);
    }
  }
  return {};
}

std::int64_t proc_kibibytes(const char* file, const std::string& key) {
  const auto value = proc_value(file, key);
  return value.empty() ? -1 : std::strtoll(value.c_str(), nullptr, 10) * 1024;
}

std::string vector_extensions() {
  std::istringstream flags(proc_value("/proc/cpuinfo", "flags"));
  const std::pair<const char*, const char*> known[] = {
      {"avx2", "AVX2"}, {"avx512f", "AVX-512"}, {"avx512_bf16", "AVX-512 bfloat16"}, {"amx_bf16", "AMX bfloat16"}};
  std::string out;
  std::string flag;
  while (flags >> flag) {
    for (const auto& [name, text] : known) {
      if (flag == name) out += (out.empty() ? "" : ", ") + std::string(text);
    }
  }
  return out.empty() ? "none known" : out;
}

template <typename Function>
Function symbol(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_DEFAULT, name));
}

std::string blas_name(bool& is_reference) {
  is_reference = false;
  if (at::hasMKL()) return "MKL";
  if (auto* config = symbol<char* (*)()>("openblas_get_config")) {
    std::istringstream words(config());
    std::string name;
    std::string version;
    words >> name >> version;
    auto* core = symbol<char* (*)()>("openblas_get_corename");
    return name + " " + version + (core ? std::string(" (core ") + core() + ")" : "");
  }
  if (symbol<void*>("bli_info_get_version_str") != nullptr) {
    return std::string("BLIS ") + symbol<const char* (*)()>("bli_info_get_version_str")();
  }
  if (symbol<void*>("ATL_buildinfo") != nullptr) return "ATLAS";
  if (symbol<void*>("sgemm_") == nullptr) return "built into LibTorch";
  is_reference = true;
  return "reference BLAS";
}

}  // namespace

at::Device resolve_device(const std::string& name) {
  const auto count = cuda_count();
  if (name == "auto") return count > 0 ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
  if (name == "cpu") return at::kCPU;
  if (name == "cuda" || name.starts_with("cuda:")) {
    int index = 0;
    if (name.size() > 5) {
      char* end = nullptr;
      index = static_cast<int>(std::strtol(name.c_str() + 5, &end, 10));
      if (*end != '\0' || index < 0)
        throw Error("device '" + printable(name) + "' is unknown; use auto, cpu, cuda or cuda:N");
    }
    if (count == 0)
      throw Error("device '" + name + "' is not available: this machine or this LibTorch has no CUDA; use cpu");
    if (index >= count)
      throw Error("device '" + name + "' is not available: there are " + std::to_string(count) + " CUDA devices");
    return {at::kCUDA, static_cast<c10::DeviceIndex>(index)};
  }
  throw Error("device '" + printable(name) + "' is unknown; use auto, cpu, cuda or cuda:N");
}

at::ScalarType resolve_dtype(const std::string& name, at::Device device, std::int64_t parameters) {
  if (name == "float32") return at::kFloat;
  if (name == "bfloat16") return at::kBFloat16;
  if (name == "float16") {
    if (device.is_cpu()) throw Error("float16 is not supported on the CPU; use float32 or bfloat16");
    return at::kHalf;
  }
  if (name != "auto") throw Error("dtype '" + printable(name) + "' is unknown; use auto, float32, bfloat16 or float16");
  if (device.is_cuda()) return cuda_has_bfloat16(device) ? at::kBFloat16 : at::kHalf;
  constexpr std::int64_t kWorthMeasuring = 100'000'000;
  if (parameters < kWorthMeasuring) return at::kFloat;
  constexpr std::int64_t kSize = 512;
  const auto wide = measure_matmul_gmacs(device, at::kFloat, kSize);
  const auto narrow = measure_matmul_gmacs(device, at::kBFloat16, kSize);
  return narrow > 1.5 * wide ? at::kBFloat16 : at::kFloat;
}

std::string dtype_name(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return "float32";
    case at::kBFloat16:
      return "bfloat16";
    case at::kHalf:
      return "float16";
    default:
      return c10::toString(dtype);
  }
}

std::string device_label(at::Device device) {
  if (!device.is_cuda()) return device.str();
  return device.str() + " (" + cuda_name(device.has_index() ? device.index() : 0) + ")";
}

void synchronize(at::Device device) {
  if (device.is_cpu()) return;
  c10::impl::VirtualGuardImpl(device.type()).getStream(device).synchronize();
}

double measure_matmul_gmacs(at::Device device, at::ScalarType dtype, std::int64_t size) {
  const auto options = at::TensorOptions().device(device).dtype(dtype);
  const auto a = at::ones({size, size}, options);
  const auto b = at::ones({size, size}, options);
  double best = 0;
  constexpr int kRuns = 5;
  for (int i = 0; i < kRuns; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const auto c = at::matmul(a, b);
    synchronize(device);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(size * size * size) / seconds.count() / 1e9);
  }
  return best;
}

MachineReport inspect_machine() {
  MachineReport out;
  out.torch_version = TORCH_VERSION;
  out.cpu = proc_value("/proc/cpuinfo", "model name");
  out.vector_extensions = vector_extensions();
  out.threads = at::get_num_threads();
  out.blas = blas_name(out.blas_is_reference);
  constexpr std::int64_t kSize = 512;
  out.float32_gmacs = measure_matmul_gmacs(at::kCPU, at::kFloat, kSize);
  out.bfloat16_gmacs = measure_matmul_gmacs(at::kCPU, at::kBFloat16, kSize);
  for (std::int64_t i = 0; i < cuda_count(); ++i)
    out.cuda_devices.push_back(device_label({at::kCUDA, static_cast<c10::DeviceIndex>(i)}));
  out.memory_total_bytes = proc_kibibytes("/proc/meminfo", "MemTotal");
  out.memory_available_bytes = available_memory_bytes();
  return out;
}

std::int64_t available_memory_bytes() { return proc_kibibytes("/proc/meminfo", "MemAvailable"); }
std::int64_t resident_memory_bytes() { return proc_kibibytes("/proc/self/status", "VmRSS"); }
std::int64_t peak_resident_memory_bytes() { return proc_kibibytes("/proc/self/status", "VmHWM"); }

}  // namespace deer
