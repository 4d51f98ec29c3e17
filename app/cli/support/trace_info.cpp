// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/trace_info.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/study/replay_engine.h"
#include "core/trace/trace_reader.h"

namespace deer::cli {

namespace fs = std::filesystem;

namespace {

struct Episode {
  std::int64_t first = 0;
  std::int64_t frames = 0;
  double depth = 0;
};

std::vector<Episode> episodes_of(const TraceReader& trace) {
  const auto steps = trace.steps(0, trace.frames());
  const auto layers = trace.exit_layers(0, trace.frames());
  std::vector<Episode> out;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (i == 0 || steps[i] == 0) out.push_back({static_cast<std::int64_t>(i), 0, 0});
    ++out.back().frames;
    out.back().depth += layers[i] + 1;
  }
  return out;
}

// "14 values in 8 steps: left waist (joint, rad), …"
std::string describe(const ActionLayout& layout) {
  std::string out = std::to_string(layout.width()) + " values";
  if (layout.steps() > 1) out += " in " + std::to_string(layout.steps()) + " steps";
  out += ":";
  for (const auto& one : layout.dimensions()) {
    out += " " + printable(one.name) + " (" + std::string(to_string(one.kind)) +
           (one.unit.empty() ? "" : ", " + printable(one.unit)) + "),";
  }
  out.pop_back();
  return out;
}

}  // namespace

void print_trace(const std::filesystem::path& path, bool as_json, std::size_t limit) {
  const auto trace = TraceReader::open(path);
  const auto& m = trace->metadata();
  const auto episodes = episodes_of(*trace);
  std::map<std::int32_t, std::int64_t> by_layer;
  double depth = 0;
  for (const auto layer : trace->exit_layers(0, trace->frames())) {
    ++by_layer[layer];
    depth += layer + 1;
  }
  if (trace->frames() > 0) depth /= static_cast<double>(trace->frames());
  if (as_json) {
    Json counts = Json::object();
    for (const auto& [layer, count] : by_layer) counts[std::to_string(layer)] = count;
    Json action = {{"steps", m.layout->steps()}, {"dimensions", Json::array()}};
    for (const auto& one : m.layout->dimensions()) {
      action["dimensions"].push_back({{"name", one.name}, {"unit", one.unit}, {"kind", to_string(one.kind)}});
    }
    std::cout << Json{{"kind", "trace"},
                      {"frames", trace->frames()},
                      {"episodes", episodes.size()},
                      {"mean_depth", depth},
                      {"frames_per_exit_layer", counts},
                      {"model", {{"path", m.model_path}, {"name", m.model_name}, {"hash", m.model_hash}}},
                      {"exit_layers", m.exit_layers},
                      {"d_model", m.d_model},
                      {"action", action},
                      {"device", m.device},
                      {"dtype", m.dtype},
                      {"exact", m.layout->is_deer() && m.features == FeatureType::float32},
                      {"policy", m.policy},
                      {"versions", m.versions},
                      {"created", m.created}}
                     .dump(1)
              << '\n';
    return;
  }
  std::printf("trace        %s, %s in %s, recorded %s\n", path.c_str(), counted(trace->frames(), "frame").c_str(),
              counted(static_cast<std::int64_t>(episodes.size()), "episode").c_str(), printable(m.created).c_str());
  std::printf("model        %s (%s), %s, %s, %s\n", printable(m.model_name).c_str(), printable(m.family).c_str(),
              printable(m.device).c_str(), printable(m.dtype).c_str(), printable(m.model_path, 500).c_str());
  std::printf("fingerprint  %s\n", printable(m.model_hash).c_str());
  std::printf("action       %s\n", describe(*m.layout).c_str());
  std::printf("features     %s\n", !m.layout->is_deer()                 ? "replayed from recorded actions"
                                   : m.features == FeatureType::float32 ? "float32: replays are exact"
                                                                        : "float16: replays are not exact");
  std::printf("mean depth   %.2f of %d layers\n", depth, m.layers);
  for (const auto& [layer, count] : by_layer) {
    std::printf("exit         after layer %2d: %lld frames\n", layer, static_cast<long long>(count));
  }
  for (std::size_t i = 0; i < episodes.size() && i < limit; ++i) {
    const auto& e = episodes[i];
    const auto details = trace->details(e.first, 1)[0];
    std::printf("%5zu  from frame %-7lld %5lld frames, mean depth %5.2f  %s\n", i, static_cast<long long>(e.first),
                static_cast<long long>(e.frames), e.depth / static_cast<double>(e.frames),
                printable(details.instruction).c_str());
  }
  if (episodes.size() > limit) std::printf("       and %zu more (--limit)\n", episodes.size() - limit);
}

std::vector<fs::path> traces_with_frames(const std::vector<std::string>& words) {
  auto files = trace_files(words);
  if (files.size() < 2) return files;
  const auto all = files;
  std::erase_if(files, [](const fs::path& file) {
    if (TraceReader::open(file)->frames() > 0) return false;
    std::cerr << "deer: note: " << printable(file.string(), 500) << " holds no frames\n";
    return true;
  });
  return files.empty() ? all : files;
}

TraceMetadata common_metadata(const std::vector<fs::path>& files) {
  std::optional<TraceMetadata> first;
  for (const auto& file : files) {
    const auto trace = TraceReader::open(file);
    const auto& m = trace->metadata();
    if (trace->frames() == 0) throw FileError(file, "holds no frames");
    if (first) check_same_model(file, m, files.front(), *first);
    if (!first) first = m;
  }
  return std::move(*first);
}

}  // namespace deer::cli
