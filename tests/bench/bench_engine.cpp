// SPDX-License-Identifier: GPL-3.0-or-later
// What early exit and replay save, as ratios in one run. Usage: bench_engine [MODEL [FRAMES [DTYPE]]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>

#include "core/base/error.h"
#include "core/exits/engine.h"
#include "core/model/cpu_setup.h"

using namespace deer;

namespace {

ImagePtr picture(int size, std::mt19937& random) {
  auto image = std::make_shared<Image>();
  image->width = size;
  image->height = size;
  image->rgb.resize(static_cast<std::size_t>(3 * size * size));
  for (auto& value : image->rgb) value = static_cast<std::uint8_t>(random());
  return image;
}

struct Timing {
  double total_ms = 0;
  double llm_ms = 0;
};

// Median over the frames, the first one left out.
Timing measure(Engine& engine, const std::vector<FrameInput>& frames, const ExitPolicy& policy, RunMode mode,
               std::vector<FrameRecordPtr>* keep = nullptr) {
  engine.set_policy(policy);
  engine.reset();
  std::vector<double> total;
  std::vector<double> llm;
  for (const auto& frame : frames) {
    const auto record = engine.step(frame, mode);
    total.push_back(record->times.total_ms());
    llm.push_back(record->times.llm_ms);
    if (keep != nullptr) keep->push_back(record);
  }
  const auto median = [](std::vector<double> values) {
    values.erase(values.begin());
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
  };
  return {median(total), median(llm)};
}

}  // namespace

int main(int argc, char** argv) {
  set_up_cpu(argv);
  const std::string model = argc > 1 ? argv[1] : DEER_SOURCE_DIR "/resources/demo/model";
  const int count = argc > 2 ? std::max(3, std::atoi(argv[2])) : 40;
  EngineOptions options;
  if (argc > 3) options.dtype = argv[3];
  try {
    const auto engine = Engine::load(model, options);
    const auto& summary = engine->summary();
    std::printf("%s, %s, %s, loaded in %.0f ms\n", summary.name.c_str(), summary.device.c_str(), summary.dtype.c_str(),
                summary.load_ms);
    std::mt19937 random(1);
    std::vector<FrameInput> frames;
    for (int i = 0; i < count; ++i) frames.push_back({i, picture(200, random), picture(84, random), "open the drawer"});

    // Rounds over all policies, best median each: what else the machine does hits them alike.
    constexpr int kRounds = 3;
    ExitPolicy deepest;
    deepest.criterion = Criterion::fixed_exit;
    std::map<int, Timing> best;
    for (int round = 0; round < kRounds; ++round) {
      for (const int layer : summary.exit_layers) {
        ExitPolicy fixed = deepest;
        fixed.fixed_layer = layer;
        const auto t = measure(*engine, frames, fixed, RunMode::policy);
        const auto [place, first] = best.try_emplace(layer, t);
        place->second.total_ms = std::min(place->second.total_ms, t.total_ms);
        place->second.llm_ms = std::min(place->second.llm_ms, t.llm_ms);
      }
    }
    const auto full = best.at(summary.exit_layers.back());
    std::printf("%-34s %8.2f ms per frame, LLM %8.2f ms\n", "full depth", full.total_ms, full.llm_ms);
    for (const auto& [layer, t] : best) {
      std::printf("exit after layer %-17d LLM %5.2f x less time, frame %5.2f x\n", layer, full.llm_ms / t.llm_ms,
                  full.total_ms / t.total_ms);
    }
    ExitPolicy dynamic;
    dynamic.thresholds.assign(summary.exit_layers.size(), 0.05);
    std::vector<FrameRecordPtr> records;
    const auto probe = measure(*engine, frames, dynamic, RunMode::probe, &records);
    std::printf("%-34s frame %5.2f x the time of full depth\n", "probe mode", probe.total_ms / full.total_ms);
    const auto start = std::chrono::steady_clock::now();
    (void)engine->replay(records, dynamic);
    const double replay_ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count() / count;
    std::printf("%-34s %5.1f x faster than probing (%.2f ms per frame)\n", "replay of another policy",
                probe.total_ms / replay_ms, replay_ms);
  } catch (const Error& error) {
    std::fprintf(stderr, "bench_engine: %s\n", error.what());
    return 1;
  }
  return 0;
}
