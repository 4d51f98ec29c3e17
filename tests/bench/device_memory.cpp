// SPDX-License-Identifier: GPL-3.0-or-later
// The memory model beside what LibTorch's allocator takes on a GPU, by deepest layer, and what happens if the GPU has
// too little: one JSON object. On the CPU, whose allocator keeps no count, only the model's numbers.
// Usage: device_memory MODEL [DEVICE [DTYPE]]      (auto, auto)
#include <cstdio>
#include <random>
#include <string>

#include "core/base/error.h"
#include "core/base/json_file.h"
#include "core/budget/memory_model.h"
#include "core/exits/engine.h"
#include "core/model/device.h"
#include "core/model/model_config.h"

#ifdef DEER_HAVE_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#endif

using namespace deer;

namespace {

ImagePtr picture(int size, std::mt19937& random) {
  auto image = std::make_shared<Image>();
  image->width = image->height = size;
  image->rgb.resize(static_cast<std::size_t>(3 * size * size));
  for (auto& value : image->rgb) value = static_cast<std::uint8_t>(random());
  return image;
}

void run(Engine& engine) {
  std::mt19937 random(1);
  for (int i = 0; i < 3; ++i) {
    engine.step({i, picture(200, random), picture(84, random), "open the drawer"}, RunMode::policy);
  }
}

#ifdef DEER_HAVE_CUDA
std::int64_t peak_bytes(at::Device device) {
  const auto index = device.has_index() ? device.index() : c10::DeviceIndex{0};
  synchronize(device);
  return c10::cuda::CUDACachingAllocator::getDeviceStats(index).allocated_bytes[0].peak;
}

void forget_peak(at::Device device) {
  c10::cuda::CUDACachingAllocator::emptyCache();
  c10::cuda::CUDACachingAllocator::resetPeakStats(device.has_index() ? device.index() : c10::DeviceIndex{0});
}

// With a thousandth of the memory, an automatic choice must fall back on the CPU.
Json fallback(const std::string& model, const std::string& dtype) {
  const auto device = resolve_device("auto");
  const auto index = device.has_index() ? device.index() : c10::DeviceIndex{0};
  c10::cuda::CUDACachingAllocator::setMemoryFraction(0.001, index);
  EngineOptions options;
  options.dtype = dtype;
  const auto engine = Engine::load(model, options);
  c10::cuda::CUDACachingAllocator::setMemoryFraction(1, index);
  return {{"device", engine->summary().device}, {"note", engine->summary().note}};
}
#endif

Json measure(const std::string& model, const EngineOptions& wanted) {
  Json out = {{"by_exit", Json::array()}};
  const ModelSummary summary = Engine::load(model, wanted)->summary();  // gives its memory back
  const auto device = resolve_device(wanted.device);
  out["device"] = summary.device;
  out["dtype"] = summary.dtype;
  const MemoryModel memory(CostModel(*summary.config), summary.dtype == "float32" ? 4 : 2,
                           device.is_cuda() ? MemoryModel::Device::cuda : MemoryModel::Device::cpu);
  for (const int layer : summary.exit_layers) {
    const auto use = memory.use(layer);
    Json one = {{"exit_layer", layer},
                {"weights", use.weights},
                {"activations", use.activations},
                {"workspace", use.workspace},
                {"predicted", use.total()}};
#ifdef DEER_HAVE_CUDA
    if (device.is_cuda()) forget_peak(device);
#endif
    auto options = wanted;
    options.max_layer = layer + 1;
    const auto engine = Engine::load(model, options);
    ExitPolicy deepest;
    deepest.criterion = Criterion::fixed_exit;
    engine->set_policy(deepest);
    run(*engine);
#ifdef DEER_HAVE_CUDA
    if (device.is_cuda()) one["measured"] = peak_bytes(device);
#endif
    out["by_exit"].push_back(one);
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::fprintf(stderr, "usage: device_memory MODEL [DEVICE [DTYPE]]\n");
    return 2;
  }
  EngineOptions options;
  if (argc > 2) options.device = argv[2];
  if (argc > 3) options.dtype = argv[3];
  try {
    auto out = measure(argv[1], options);
#ifdef DEER_HAVE_CUDA
    if (resolve_device(options.device).is_cuda()) out["out_of_memory"] = fallback(argv[1], options.dtype);
#endif
    std::printf("%s\n", out.dump(1).c_str());
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "device_memory: %s\n", problem.what());
    return 1;
  }
  return 0;
}
