// SPDX-License-Identifier: GPL-3.0-or-later
// What a replay costs against running the model, as ratios in one run.
// Usage: bench_replay [MODEL [EPISODES [FRAMES_EACH [DTYPE]]]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
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

// Milliseconds of a frame under one policy; the best of three rounds.
double best_of_three(std::size_t frames, const std::function<void()>& work) {
  double best = 1e300;
  for (int round = 0; round < 3; ++round) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    best = std::min(best, ms / static_cast<double>(frames));
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  set_up_cpu(argv);
  const std::string model = argc > 1 ? argv[1] : DEER_SOURCE_DIR "/resources/demo/model";
  const int episodes = argc > 2 ? std::max(1, std::atoi(argv[2])) : 8;
  const int length = argc > 3 ? std::max(2, std::atoi(argv[3])) : 24;
  EngineOptions options;
  if (argc > 4) options.dtype = argv[4];
  try {
    const auto engine = Engine::load(model, options);
    std::mt19937 random(1);
    std::vector<FrameInput> inputs;
    for (int i = 0; i < length; ++i)
      inputs.push_back({i, picture(200, random), picture(84, random), "open the drawer"});
    std::vector<FrameRecordPtr> records;
    std::vector<double> deltas;
    for (int e = 0; e < episodes; ++e) {
      engine->reset();
      for (const auto& input : inputs) {
        records.push_back(engine->step(input, RunMode::probe));
        for (const auto& probe : records.back()->exits) deltas.push_back(static_cast<double>(probe.delta));
      }
    }
    std::nth_element(deltas.begin(), deltas.begin() + static_cast<std::ptrdiff_t>(deltas.size() / 3), deltas.end());
    ExitPolicy policy;
    policy.thresholds.assign(engine->summary().exit_layers.size(), deltas[deltas.size() / 3]);
    engine->set_policy(policy);

    const double whole = best_of_three(inputs.size(), [&] {
      engine->reset();
      for (const auto& input : inputs) (void)engine->step(input, RunMode::policy);
    });
    const auto frames = ReplayFrames::of(records);
    std::printf("%s, %s, %d episodes of %d frames\n", engine->summary().name.c_str(), engine->summary().dtype.c_str(),
                episodes, length);
    std::printf("%-44s %9.4f ms per frame\n", "the whole model, leaving early", whole);
    const auto print = [&](const char* what, double ms) {
      std::printf("%-44s %9.4f ms per frame, %7.1f x faster\n", what, ms, whole / ms);
    };
    print("replay, one frame after the other", best_of_three(records.size(), [&] { engine->replay(records, policy); }));
    for (const std::size_t count : {1U, 16U, 64U}) {
      std::vector<ExitPolicy> policies(count, policy);
      for (std::size_t i = 0; i < count; ++i) {
        for (auto& threshold : policies[i].thresholds)
          threshold *= 0.5 + static_cast<double>(i) / static_cast<double>(count);
      }
      const double ms = best_of_three(records.size() * count, [&] {
        engine->replay_many(frames, policies, [](std::size_t, std::int64_t, const FrameRecordPtr&) {});
      });
      print(("batched replay, " + std::to_string(count) + (count == 1 ? " policy" : " policies at once")).c_str(), ms);
    }
    const auto replayer = engine->replayer(frames);
    replayer->update(policy);
    double factor = 1;
    print("incremental: each threshold 1 % higher", best_of_three(records.size(), [&] {
            factor *= 1.01;
            auto next = policy;
            for (auto& threshold : next.thresholds) threshold *= factor;
            replayer->update(next);
          }));
    print("incremental: one frame forced", best_of_three(records.size(), [&] {
            auto next = policy;
            next.forced_layers[length - 1] = engine->summary().exit_layers.front();
            replayer->update(next);
            replayer->update(policy);
          }));
  } catch (const Error& error) {
    std::fprintf(stderr, "bench_replay: %s\n", error.what());
    return 1;
  }
  return 0;
}
