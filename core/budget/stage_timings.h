// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/json_file.h"
#include "core/exits/engine.h"

namespace deer {

/// Milliseconds of wall time over many steps: the median, and the quartiles as its spread.
struct Timing {
  double median_ms = 0;
  double low_ms = 0;   ///< a quarter of the steps took less
  double high_ms = 0;  ///< a quarter took more
};

/// A step that leaves at one exit in policy mode, its probes included.
struct ExitTiming {
  int layer = 0;
  Timing llm;
  Timing head;  ///< every run of the action head
  Timing total;
};

/// What a model's stages take on one device, as measured there.
struct StageTimings {
  std::string model;
  std::string model_hash;  ///< model_fingerprint(); may be empty
  std::string device;      ///< "cpu", "cuda:0 (NVIDIA …)"
  std::string dtype;
  std::string cpu;  ///< its name
  int threads = 0;
  std::string libtorch;
  std::string version;  ///< of this program
  std::string instruction;
  int prompt_tokens = 0;
  int repeats = 0;  ///< steps measured for each exit
  Timing preprocess;
  Timing vision;
  Timing resampler;
  std::vector<ExitTiming> exits;  ///< shallow to deep
};

struct TimingOptions {
  int warm_up = 5;   ///< steps left out before each exit's first round
  int repeats = 50;  ///< steps measured for each exit
  std::string instruction = "push the red block to the left";
  int static_pixels = 200;  ///< sides of the (random) pictures
  int gripper_pixels = 84;
  std::function<void(int done, int total)> progress;
  std::stop_token stop;
};

/// Measures the engine: for each exit steps that really stop there, all exits in turn, round after round, so that
/// what else the machine does hits them alike. The engine's policy is put back; its rollout is reset. Throws Error,
/// Cancelled.
StageTimings measure_timings(Engine& engine, const TimingOptions& options = {});

Json to_json(const StageTimings& timings);

/// Reads what to_json() wrote to a file. Throws FileError naming the field.
StageTimings read_timings(const std::filesystem::path& file);

}  // namespace deer
