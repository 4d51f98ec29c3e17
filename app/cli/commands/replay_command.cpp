// SPDX-License-Identifier: GPL-3.0-or-later
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "app/cli/commands/commands.h"
#include "app/cli/support/option_checks.h"
#include "app/cli/support/policy_options.h"
#include "app/cli/support/progress.h"
#include "app/cli/support/record_json.h"
#include "app/cli/support/replay_report.h"
#include "app/cli/support/stop_on_signal.h"
#include "app/cli/support/trace_info.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/exits/policy_json.h"
#include "core/exits/recorded_replay.h"
#include "core/study/replay_engine.h"
#include "core/trace/trace_reader.h"

namespace deer::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::vector<std::string> traces;
  std::string model;
  std::vector<std::string> force;
  std::string json;
  double close_percent = 5;
  bool lines = false;
  PolicyOptions policy;
  EngineOptions engine;
};

// "12=3": frame 12 of the trace exits after layer 3.
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

// The options' policy, with its gate loaded.
ExitPolicy checked_policy(const Arguments& a, Engine& engine) {
  engine.set_policy(a.policy.apply(engine.policy(), &engine.summary()));
  return engine.policy();
}

class Replay {
 public:
  Replay(const Arguments& a, std::vector<fs::path> files)
      : a_(a),
        files_(std::move(files)),
        metadata_(common_metadata(files_)),
        opened_(open_replay_engine(files_.front(), metadata_, a.model, a.engine, signals_.token())),
        engine_(opened_.engine.get()),
        from_recorded_(opened_.why_recorded),
        policy_(checked_policy(a, *engine_)),
        total_(engine_->summary(), a.close_percent / 100, policy_) {}

  void run() {
    if (files_.size() > 1 && !a_.force.empty())
      throw Error("--force refers to the frames of one trace: give only one TRACE");
    if (!from_recorded_.empty()) {
      std::cerr << "deer: note: " << kReplayedFromRecordedActions << ": " << from_recorded_
                << "; the history is not modelled\n";
    }
    for (const auto& file : files_) one(file);
    if (!a_.json.empty()) write_file_atomically(a_.json, json().dump(1) + "\n");
    if (a_.lines) return;
    if (!from_recorded_.empty()) std::cout << kReplayedFromRecordedActions << '\n' << std::flush;
    if (traces_.size() > 1) print_table(traces_);
    print_summary(total_.summaries());
  }

 private:
  void one(const fs::path& file) {
    const auto trace = TraceReader::open(file);
    const bool rounded = trace->metadata().features == FeatureType::float16;
    ReplayedTrace result{file, !rounded && from_recorded_.empty(), {}};
    if (rounded && from_recorded_.empty()) {
      std::cerr << "deer: note: " << printable(file.string()) << " has float16 features: the replay is not exact\n";
    }
    policy_.forced_layers = parse_forced(a_.force, trace->frames());
    const auto records = replayed(*trace);
    SummaryBuilder summary(engine_->summary(), a_.close_percent / 100, policy_);
    constexpr std::int64_t kBlock = 1024;
    for (std::int64_t first = 0; first < trace->frames(); first += kBlock) {
      const auto details = trace->details(first, std::min(kBlock, trace->frames() - first));
      for (std::size_t i = 0; i < details.size(); ++i) {
        const auto& record = *records[static_cast<std::size_t>(first) + i];
        summary.add(record, details[i].recorded_action);
        total_.add(record, details[i].recorded_action);
        if (a_.lines) print_line(file, record, details[i]);
      }
    }
    result.summaries = summary.summaries();
    traces_.push_back(std::move(result));
  }

  std::vector<FrameRecordPtr> replayed(const TraceReader& trace) {
    std::vector<FrameRecordPtr> records(static_cast<std::size_t>(trace.frames()));
    Progress progress;
    std::int64_t done = 0;
    const auto which = files_.size() > 1 ? "trace " + std::to_string(traces_.size() + 1) + " of " +
                                               std::to_string(files_.size()) + ", "
                                         : std::string();
    engine_->replay_many(
        replay_frames(trace, 0, trace.frames(), from_recorded_.empty()), std::span(&policy_, 1),
        [&](std::size_t, std::int64_t place, FrameRecordPtr record) {
          records[static_cast<std::size_t>(place)] = std::move(record);
          const auto total = trace.frames();
          ++done;
          progress.show("replaying " + which + "frame " + std::to_string(done) + " of " + std::to_string(total),
                        static_cast<double>(done), static_cast<double>(total));
        },
        signals_.token());
    progress.finish();
    return records;
  }

  void print_line(const fs::path& file, const FrameRecord& record, const TraceFrame& details) const {
    Observation seen;
    seen.frame_id = details.frame_id;
    seen.other_action = details.recorded_action;
    auto line = deer::cli::to_json(record, seen, details.instruction);
    line["episode"] = details.episode;
    if (!from_recorded_.empty()) line["replay"] = kReplayedFromRecordedActions;
    if (files_.size() > 1) line["trace"] = file.string();
    std::cout << line.dump() << '\n';
  }

  Json json() const {
    bool exact = true;
    auto traces = Json::array();
    for (const auto& trace : traces_) {
      exact = exact && trace.exact;
      traces.push_back(to_json(trace));
    }
    auto total = to_json(total_.summaries());
    // Frame numbers are meaningless across traces.
    total["summary"]["close"].erase("frames");
    Json out = {{"exact", exact},
                {"replay", from_recorded_.empty() ? "replayed by the action head" : kReplayedFromRecordedActions},
                {"policy", policy_to_json(policy_)},
                {"model", {{"name", engine_->summary().name}, {"hash", metadata_.model_hash}}},
                {"cost_unit", "LLM GFLOPs, multiply-add = 1"},
                {"traces", traces},
                {"total", total}};
    // Compatible with files written before several traces were supported.
    if (traces_.size() == 1) out.update(traces[0]);
    return out;
  }

  const Arguments& a_;
  const StopOnSignal signals_{"step"};
  std::vector<fs::path> files_;
  TraceMetadata metadata_;
  ReplayEngine opened_;
  Engine* engine_;
  std::string from_recorded_;  // why it is replayed from recorded actions; empty: it is not
  ExitPolicy policy_;
  SummaryBuilder total_;
  std::vector<ReplayedTrace> traces_;
};

}  // namespace

void add_replay(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  auto* command = app.add_subcommand(
      "replay",
      "Replay traces with another policy without running the language model: exactly with the model's "
      "action head, or else from the recorded actions of each exit");
  command->add_option("TRACE", a->traces, "Trace written by deer trace, or a folder of .h5 files")->required();
  command->add_option("--model", a->model, "Model folder the trace was recorded with, if it has moved");
  command->add_option("--force", a->force,
                      "FRAME=LAYER: force this frame to exit after this layer (single trace only)");
  command->add_option("--json", a->json, "File for the summary")->check(output_file());
  command->add_flag("--lines", a->lines, "Print one JSON object per frame, as deer run does, instead of the summary");
  command->add_option("--close", a->close_percent, "Count decisions within this percentage of their threshold")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1000.0));
  a->policy.add_to(*command);
  add_engine_options(*command, a->engine);
  command->callback([a] { Replay(*a, traces_with_frames(a->traces)).run(); });
}

}  // namespace deer::cli
