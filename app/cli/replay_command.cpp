// SPDX-License-Identifier: GPL-3.0-or-later
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "app/cli/commands.h"
#include "app/cli/policy_options.h"
#include "app/cli/progress.h"
#include "app/cli/record_json.h"
#include "app/cli/stop_on_signal.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/budget/cost_model.h"
#include "core/budget/model_fingerprint.h"
#include "core/exits/policy_json.h"
#include "core/exits/policy_summary.h"
#include "core/trace/trace_reader.h"

namespace deer::cli {
namespace {

struct Arguments {
  std::string trace;
  std::string model;
  std::vector<std::string> force;
  std::string json;
  double close_percent = 5;
  bool lines = false;
  PolicyOptions policy;
  EngineOptions engine;
};

// "12=3": frame 12 of the trace leaves after layer 3.
std::map<std::int64_t, int> parse_forced(const std::vector<std::string>& words, std::int64_t frames) {
  std::map<std::int64_t, int> out;
  for (const auto& word : words) {
    long long frame = -1;
    int layer = -1;
    int end = 0;
    const int found = std::sscanf(word.c_str(), "%lld=%d%n", &frame, &layer, &end);
    if (found != 2 || static_cast<std::size_t>(end) != word.size()) {
      throw Error("--force '" + printable(word) + "' is not FRAME=LAYER, as in 12=3");
    }
    if (frame < 0 || frame >= frames) {
      throw Error("--force " + printable(word) + ": the trace has frames 0 to " + std::to_string(frames - 1));
    }
    out[frame] = layer;
  }
  return out;
}

std::unique_ptr<Engine> open_model(const Arguments& a, const TraceReader& trace, std::stop_token stop) {
  const auto& m = trace.metadata();
  const auto path = a.model.empty() ? m.model_path : a.model;
  if (path.empty()) throw FileError(a.trace, "does not name its model: give it with --model");
  if (a.model.empty() && !std::filesystem::exists(path)) {
    throw FileError(path, "does not exist; the trace was recorded with it: name the model with --model");
  }
  const auto hash = model_fingerprint(path);
  if (!m.model_hash.empty() && hash != m.model_hash) {
    throw FileError(path, "is not the model that the trace was recorded with: its fingerprint is " + hash +
                              ", expected " + printable(m.model_hash));
  }
  auto options = a.engine;
  if (!options.max_layer) options.max_layer = m.layers;
  options.head_only = true;
  auto engine = Engine::load(path, options, {}, std::move(stop));
  if (engine->summary().exit_layers != m.exit_layers || engine->summary().d_model != m.d_model) {
    throw FileError(path, "has other exits or another width than the trace's model");
  }
  return engine;
}

// Frames with their place in the trace as their number: a trace may hold several episodes.
ReplayFrames frames_of(const TraceReader& trace) {
  ReplayFrames out;
  out.steps = trace.steps(0, trace.frames());
  out.read = [&trace](std::int64_t first, std::int64_t count) {
    auto records = trace.records(first, count);
    for (std::size_t i = 0; i < records.size(); ++i) {
      auto numbered = *records[i];
      numbered.frame = first + static_cast<std::int64_t>(i);
      records[i] = std::make_shared<const FrameRecord>(std::move(numbered));
    }
    return records;
  };
  return out;
}

void print_numbers(const char* what, const MeanAndPeak& numbers) {
  if (numbers.count == 0) return;
  std::printf("%-28s mean %.5g, largest %.5g (%lld frames)\n", what, numbers.mean(), numbers.peak,
              static_cast<long long>(numbers.count));
}

void print_summary(const PolicySummary& s, const PolicySummary& total) {
  std::printf("%lld frames\n", static_cast<long long>(s.frames));
  for (std::size_t i = 0; i < s.exit_layers.size(); ++i) {
    std::printf("left after layer %-11d %lld\n", s.exit_layers[i], static_cast<long long>(s.frames_by_exit[i]));
  }
  if (s.frames_elsewhere > 0) {
    std::printf("left after another layer     %lld\n", static_cast<long long>(s.frames_elsewhere));
  }
  print_numbers("depth, layers", s.depth);
  print_numbers("LLM, GFLOPs", s.cost);
  print_numbers("whole step, GFLOPs", total.cost);
  if (s.full_cost.count > 0) {
    std::printf("saved of full depth          %.1f %% of the LLM, %.1f %% of the whole\n", 100 * s.saving(),
                100 * total.saving());
  }
  print_numbers("error to the deepest exit", s.error_to_deepest);
  print_numbers("error to recorded action", s.error_to_recorded);
  std::printf("gripper differs              %lld from the deepest exit, %lld from the recording\n",
              static_cast<long long>(s.gripper_differs_from_deepest),
              static_cast<long long>(s.gripper_differs_from_recorded));
  std::printf("close to a threshold         %lld frames, within %g %%\n", static_cast<long long>(s.close_count),
              100 * s.close_share);
}

void replay(const Arguments& a) {
  const StopOnSignal signals("step");
  const auto trace = TraceReader::open(a.trace);
  if (trace->frames() == 0) throw FileError(a.trace, "holds no frames");
  const bool exact = trace->metadata().features == FeatureType::float32;
  if (!exact) std::cerr << "deer: note: this trace has float16 features: the replay is not exact\n";
  const auto engine = open_model(a, *trace, signals.token());
  auto policy = a.policy.apply(engine->policy());
  policy.forced_layers = parse_forced(a.force, trace->frames());

  std::vector<FrameRecordPtr> records(static_cast<std::size_t>(trace->frames()));
  Progress progress;
  std::int64_t done = 0;
  engine->replay_many(
      frames_of(*trace), std::span(&policy, 1),
      [&](std::size_t, std::int64_t place, FrameRecordPtr record) {
        records[static_cast<std::size_t>(place)] = std::move(record);
        const auto total = trace->frames();
        ++done;
        progress.show("replaying, frame " + std::to_string(done) + " of " + std::to_string(total),
                      static_cast<double>(done), static_cast<double>(total));
      },
      signals.token());
  progress.finish();

  FrameCosts llm;
  FrameCosts whole;
  const auto& summary = engine->summary();
  if (summary.config) {
    const auto model = std::make_shared<const CostModel>(*summary.config);
    const int deepest = summary.exit_layers.back();
    llm.taken = [model](const FrameRecord& r) { return model->step(r).llm; };
    llm.full = [model, deepest](const FrameRecord& r) { return model->llm_gflops(deepest, r.prompt_tokens); };
    whole.taken = [model](const FrameRecord& r) { return model->step(r).total(); };
    whole.full = [model, deepest](const FrameRecord& r) { return model->total_gflops(deepest, r.prompt_tokens); };
  }
  PolicySummaryBuilder by_llm(summary.exit_layers, llm, a.close_percent / 100);
  PolicySummaryBuilder by_all(summary.exit_layers, whole, a.close_percent / 100);
  constexpr std::int64_t kBlock = 1024;
  for (std::int64_t first = 0; first < trace->frames(); first += kBlock) {
    const auto details = trace->details(first, std::min(kBlock, trace->frames() - first));
    for (std::size_t i = 0; i < details.size(); ++i) {
      const auto& record = *records[static_cast<std::size_t>(first) + i];
      by_llm.add(record, details[i].recorded_action);
      by_all.add(record, details[i].recorded_action);
      if (!a.lines) continue;
      Observation seen;
      seen.frame_id = details[i].frame_id;
      seen.rel_action = details[i].recorded_action;
      auto line = to_json(record, seen, details[i].instruction);
      line["episode"] = details[i].episode;
      std::cout << line.dump() << '\n';
    }
  }
  if (!a.json.empty()) {
    const Json out = {{"trace", std::filesystem::path(a.trace).filename().string()},
                      {"exact", exact},
                      {"policy", policy_to_json(policy)},
                      {"model", {{"name", summary.name}, {"hash", trace->metadata().model_hash}}},
                      {"cost_unit", "LLM GFLOPs, multiply-add = 1"},
                      {"summary", deer::to_json(by_llm.summary())},
                      {"whole_step",
                       {{"cost_unit", "GFLOPs of a whole step, multiply-add = 1"},
                        {"mean", by_all.summary().cost.mean()},
                        {"peak", by_all.summary().cost.peak},
                        {"saving", by_all.summary().saving()}}}};
    write_file_atomically(a.json, out.dump(1) + "\n");
  }
  if (!a.lines) print_summary(by_llm.summary(), by_all.summary());
}

}  // namespace

void add_replay(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  auto* command = app.add_subcommand(
      "replay", "What another policy would have done on a trace, exactly, without running the language model");
  command->add_option("TRACE", a->trace, "Written by deer trace")->required();
  command->add_option("--model", a->model, "The model it was recorded with, if it has moved");
  command->add_option("--force", a->force,
                      "FRAME=LAYER: that frame of the trace leaves there, whatever the policy says");
  command->add_option("--json", a->json, "File for the summary");
  command->add_flag("--lines", a->lines, "Print one JSON object a frame, as deer run does, in place of the summary");
  command->add_option("--close", a->close_percent, "Count decisions within so many percent of their threshold")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1000.0));
  a->policy.add_to(*command);
  add_engine_options(*command, a->engine);
  command->callback([a] { replay(*a); });
}

}  // namespace deer::cli
