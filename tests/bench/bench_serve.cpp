// SPDX-License-Identifier: GPL-3.0-or-later
// What a step costs beyond the engine's own time when it is asked of a server in the same machine, with both pictures
// sent raw (200 x 200 and 84 x 84). Usage: bench_serve [MODEL [STEPS]]
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "core/base/error.h"
#include "core/model/cpu_setup.h"
#include "core/serve/remote_engine.h"
#include "core/serve/server.h"

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

double at(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

void measure(const char* name, const std::string& address, const std::string& model, int steps) {
  ServeOptions options;
  options.address = address;
  const EngineServer server([&] { return Engine::load(model); }, options);
  RemoteOptions remote_options;
  remote_options.features = false;
  const auto remote = RemoteEngine::connect(server.address(), remote_options);
  std::mt19937 random(1);
  std::vector<double> overhead;
  std::vector<double> engine;
  constexpr int kWarm = 5;
  for (int i = 0; i < steps + kWarm; ++i) {
    const FrameInput input{i, picture(200, random), picture(84, random), "open the drawer"};
    const auto start = std::chrono::steady_clock::now();
    const auto record = remote->step(input, RunMode::policy);
    const double whole = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    if (i < kWarm) continue;
    overhead.push_back(whole - record->times.total_ms());
    engine.push_back(record->times.total_ms());
  }
  std::printf("%-12s engine %.2f ms; beyond it: median %.2f ms, 95th percentile %.2f ms (%d steps)\n", name,
              at(engine, 0.5), at(overhead, 0.5), at(overhead, 0.95), steps);
}

}  // namespace

int main(int argc, char** argv) {
  set_up_cpu(argv);
  const std::string model = argc > 1 ? argv[1] : DEER_SOURCE_DIR "/resources/demo/model";
  const int steps = argc > 2 ? std::max(20, std::atoi(argv[2])) : 300;
  const auto socket = std::filesystem::temp_directory_path() / ("bench_serve." + std::to_string(::getpid()));
  try {
    measure("loopback", "127.0.0.1:0", model, steps);
    measure("Unix socket", "unix:" + socket.string(), model, steps);
  } catch (const Error& error) {
    std::fprintf(stderr, "bench_serve: %s\n", error.what());
    return 1;
  }
  return 0;
}
