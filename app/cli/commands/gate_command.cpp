// SPDX-License-Identifier: GPL-3.0-or-later
#include <ATen/Parallel.h>
#include <torch/version.h>

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>

#include "app/cli/commands/commands.h"
#include "app/cli/support/option_checks.h"
#include "app/cli/support/progress.h"
#include "app/cli/support/stop_on_signal.h"
#include "app/cli/support/trace_info.h"
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/base/version.h"
#include "core/budget/budget_solver.h"
#include "core/budget/calibration.h"
#include "core/exits/gate_file.h"
#include "core/model/model_fingerprint.h"
#include "core/model/model_loader.h"
#include "core/study/replay_engine.h"
#include "core/trace/trace_reader.h"
#include "core/train/gate/gate_figures.h"
#include "core/train/gate/gate_training.h"

namespace deer::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Arguments {
  std::vector<std::string> traces;
  std::string model;
  std::string out;
  std::string json;
  std::string calibration;
  GateSamplerOptions samples;
  GateTrainingOptions training;
  std::uint64_t seed = 0;
  int threads = 1;
  double memory_gb = 2;
};

constexpr std::array kCompared = {Criterion::learned_gate, Criterion::action_delta, Criterion::feature_similarity};

struct Opened {
  std::vector<fs::path> files;
  std::vector<std::unique_ptr<TraceReader>> traces;
  TraceMetadata metadata;
  fs::path model;
  std::int64_t frames = 0;
};

Opened open_traces(const Arguments& a) {
  Opened out;
  out.files = traces_with_frames(a.traces);
  out.metadata = common_metadata(out.files);
  const auto& m = out.metadata;
  if (!m.layout->is_deer()) throw FileError(out.files.front(), "holds actions that are not those of a DeeR model");
  if (m.d_model == 0) throw FileError(out.files.front(), "has no features: record it with deer trace");
  out.model = a.model.empty() ? fs::path(m.model_path) : fs::path(a.model);
  if (!fs::exists(out.model)) {
    throw FileError(out.model, "does not exist, but the traces were recorded with it: give the model with --model");
  }
  check_recorded_with(out.model, m);
  out.metadata.model_hash = model_fingerprint(out.model);
  for (const auto& file : out.files) {
    out.traces.push_back(TraceReader::open(file));
    out.frames += out.traces.back()->frames();
  }
  return out;
}

// Numbers episodes over all traces: the same episode in two of them is one, so that it cannot be in two parts of the
// split.
class EpisodeNumbers {
 public:
  std::vector<std::int64_t> of(const fs::path& file, const TraceReader& trace) {
    std::map<std::int64_t, std::pair<std::string, std::int64_t>> origin;  // by first frame
    for (const auto& span : trace.spans()) {
      // Frames that name no episode are one of their own.
      origin[span.first] = span.episode >= 0 ? std::pair(span.source, std::int64_t{span.episode})
                                             : std::pair(file.string(), -1 - span.first);
    }
    std::vector<std::int64_t> out;
    const auto steps = trace.steps(0, trace.frames());
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (i > 0 && steps[i] != 0) continue;
      const auto& key = std::prev(origin.upper_bound(static_cast<std::int64_t>(i)))->second;
      out.push_back(known_.try_emplace(key, static_cast<std::int64_t>(known_.size())).first->second);
    }
    return out;
  }
  std::size_t count() const { return known_.size(); }

 private:
  std::map<std::pair<std::string, std::int64_t>, std::int64_t> known_;
};

ReplayFrames frames_of(const TraceReader& trace) {
  ReplayFrames out;
  out.steps = trace.steps(0, trace.frames());
  out.read = [&trace](std::int64_t first, std::int64_t count) { return trace.records(first, count); };
  return out;
}

GateSamples sample(Arguments& a, const Opened& opened, EpisodeNumbers& episodes, const std::stop_token& stop) {
  LoadOptions load;
  load.device = "cpu";
  load.dtype = "float32";
  load.max_layer = opened.metadata.layers;
  load.parts = ModelParts::heads;
  load.stop = stop;
  const auto model = load_model(open_model_files(opened.model), load).model;
  if (model->exit_layers() != opened.metadata.exit_layers ||
      model->config().decoder.d_model != opened.metadata.d_model) {
    throw FileError(opened.model, "has different exits or a different width than the traces' model");
  }
  Progress progress;
  std::int64_t before = 0;
  a.samples.seed = a.seed;
  a.samples.stop = stop;
  a.samples.progress = [&](std::int64_t done, std::int64_t) {
    const auto now = before + done;
    progress.show("running the action head: frame " + std::to_string(now) + " of " + std::to_string(opened.frames),
                  static_cast<double>(now), static_cast<double>(opened.frames));
  };
  // Joining the pieces needs them twice for a moment.
  const auto bytes = 2.0 * static_cast<double>(GateSampler(*model, a.samples).bytes_of_frame());
  const auto fit = std::max(1.0, a.memory_gb * 1e9 / bytes);
  a.samples.stride = static_cast<std::int64_t>(std::ceil(static_cast<double>(opened.frames) / fit));
  GateSampler sampler(*model, a.samples);
  for (std::size_t i = 0; i < opened.traces.size(); ++i) {
    const auto& trace = *opened.traces[i];
    try {
      sampler.add(frames_of(trace), episodes.of(opened.files[i], trace));
    } catch (const Cancelled&) {
      throw;
    } catch (const FileError&) {
      throw;
    } catch (const Error& error) {
      throw FileError(opened.files[i], error.what());
    }
    before += trace.frames();
  }
  progress.finish();
  return sampler.take();
}

CalibrationSet set_of(Criterion criterion, const GateSamples& samples, const at::Tensor& indices,
                      const at::Tensor& predicted) {
  CalibrationSet out;
  out.exit_layers = samples.exit_layers;
  out.values = criterion_values(criterion, samples, indices, predicted);
  out.errors = distances_of(samples, indices);
  return out;
}

// A mean depth, and what each criterion makes of it on the test episodes.
struct BudgetFigures {
  double depth = 0;
  std::array<double, kCompared.size()> error{};    // with thresholds that give this depth there
  std::array<double, kCompared.size()> reached{};  // mean depth, with thresholds from the calibration episodes
};

BudgetSolution solution_for(const CalibrationSet& set, double depth) {
  BudgetRequest request;
  request.average_depth = depth;
  request.method = ThresholdMethod::optimal;
  return solve_budget(PreparedCalibration(set), exit_costs(set.exit_layers), request);
}

std::vector<BudgetFigures> budget_figures(const GateSamples& samples, const GateSplit& split,
                                          const at::Tensor& for_calibration, const at::Tensor& for_test) {
  std::vector<BudgetFigures> out;
  const double first = samples.exit_layers.front() + 1;
  const double all = samples.exit_layers.back() + 1;
  for (const double share : {0.2, 0.4, 0.6, 0.8}) {
    BudgetFigures one;
    one.depth = first + share * (all - first);
    for (std::size_t i = 0; i < kCompared.size(); ++i) {
      const auto test = set_of(kCompared[i], samples, split.test, for_test);
      one.error[i] = solution_for(test, one.depth).mean_error;
      const auto solved = solution_for(set_of(kCompared[i], samples, split.calibration, for_calibration), one.depth);
      const auto costs = exit_costs(samples.exit_layers);
      one.reached[i] = evaluate_thresholds(PreparedCalibration(test), costs, solved.thresholds).depth.mean;
    }
    out.push_back(one);
  }
  return out;
}

std::string joined(const std::vector<float>& numbers) {
  std::string out;
  for (const float number : numbers) out += (out.empty() ? "" : ",") + general_text(static_cast<double>(number), 9);
  return out;
}

void print_figures(const std::vector<GateFigures>& figures) {
  std::printf("\n%-10s %8s %10s %10s %11s   %-23s %-23s\n", "exit after", "samples", "mean", "mean", "calibration",
              "rank correlation", "AUC, farthest third");
  std::printf("%-10s %8s %10s %10s %11s   %7s %7s %7s %7s %7s %7s\n", "layer", "", "distance", "predicted", "error",
              "gate", "action", "feature", "gate", "action", "feature");
  for (const auto& one : figures) {
    const auto name = one.layer < 0 ? std::string("mean") : std::to_string(one.layer);
    std::printf("%-10s %8lld %10.4g %10.4g %11.3g   %7.3f %7.3f %7.3f %7.3f %7.3f %7.3f\n", name.c_str(),
                static_cast<long long>(one.samples), one.mean_distance, one.mean_predicted, one.calibration_error,
                one.gate.spearman, one.action_delta.spearman, one.feature_similarity.spearman, one.gate.auc,
                one.action_delta.auc, one.feature_similarity.auc);
  }
}

void print_budgets(const std::vector<BudgetFigures>& budgets) {
  std::printf("\n%-11s %-35s   %s\n", "", "action error at this depth", "depth reached with thresholds");
  std::printf("%-11s %-35s   %s\n", "mean depth", "(thresholds solved on the test)", "of the calibration episodes");
  std::printf("%-11s %11s %11s %11s   %11s %11s %11s\n", "", "gate", "action", "feature", "gate", "action", "feature");
  for (const auto& one : budgets) {
    std::printf("%-11.2f %11.4g %11.4g %11.4g   %11.3f %11.3f %11.3f\n", one.depth, one.error[0], one.error[1],
                one.error[2], one.reached[0], one.reached[1], one.reached[2]);
  }
}

Json budgets_json(const std::vector<BudgetFigures>& budgets) {
  Json out = Json::array();
  for (const auto& one : budgets) {
    Json entry = {{"mean_depth", one.depth}};
    for (std::size_t i = 0; i < kCompared.size(); ++i) {
      entry[std::string(to_string(kCompared[i]))] = {{"error", one.error[i]}, {"mean_depth_reached", one.reached[i]}};
    }
    out.push_back(entry);
  }
  return out;
}

void train(Arguments& a) {
  const auto start = Clock::now();
  const StopOnSignal signals("batch");
  // The same numbers on any machine.
  at::set_num_threads(a.threads);
  const auto opened = open_traces(a);
  EpisodeNumbers episodes;
  const auto samples = sample(a, opened, episodes, signals.token());
  GateSplit split;
  try {
    split = split_by_episode(samples.episode, a.seed);
  } catch (const Error& error) {
    throw FileError(opened.files.front(), error.what());
  }
  std::printf(
      "%lld samples of %lld frames in %zu episodes: %lld for training, %lld for validation, %lld for calibration, "
      "%lld for the test\n",
      static_cast<long long>(samples.samples()), static_cast<long long>(samples.features.size(0)), episodes.count(),
      static_cast<long long>(split.episodes[0]), static_cast<long long>(split.episodes[1]),
      static_cast<long long>(split.episodes[2]), static_cast<long long>(split.episodes[3]));
  std::fflush(stdout);

  Progress progress;
  a.training.seed = a.seed;
  a.training.stop = signals.token();
  a.training.progress = [&](int epoch, double training_loss, double validation_loss) {
    char text[120];
    std::snprintf(text, sizeof text, "epoch %d of at most %d, loss %.4f, validation %.4f", epoch, a.training.epochs,
                  training_loss, validation_loss);
    progress.show(text, epoch, a.training.epochs);
  };
  auto trained = train_gate(samples, split, a.training);
  progress.finish();

  const LearnedGate draft(trained.weights);
  const auto for_calibration = predict(draft, samples, split.calibration);
  const auto for_test = predict(draft, samples, split.test);
  auto figures = gate_figures(samples, split.test, for_test);
  const auto mean = mean_of(figures);
  const auto budgets = budget_figures(samples, split, for_calibration, for_test);
  auto set = set_of(Criterion::learned_gate, samples, split.calibration, for_calibration);
  // Thresholds to begin with: half the layers.
  const auto half = solution_for(set, (samples.exit_layers.back() + 1) / 2.0);
  const auto thresholds = half.feasible ? half.thresholds : std::vector<float>();

  std::string names;
  for (const auto& file : opened.files) names += (names.empty() ? "" : ", ") + file.filename().string();
  const auto summary = deer::to_json(mean);
  std::map<std::string, std::string> provenance = {
      {"version", kVersion},
      {"libtorch", TORCH_VERSION},
      {"model", opened.metadata.model_name},
      {"model_hash", opened.metadata.model_hash},
      {"traces", printable(names, 2000)},
      {"frames", std::to_string(opened.frames)},
      {"samples", std::to_string(samples.samples())},
      {"episodes", std::to_string(episodes.count())},
      {"split", "training " + std::to_string(split.episodes[0]) + ", validation " + std::to_string(split.episodes[1]) +
                    ", calibration " + std::to_string(split.episodes[2]) + ", test " +
                    std::to_string(split.episodes[3]) + " episodes"},
      {"histories", std::to_string(a.samples.histories)},
      {"stride", std::to_string(a.samples.stride)},
      {"seed", std::to_string(a.seed)},
      {"epoch", std::to_string(trained.best_epoch)},
      {"figures", summary.dump()}};
  if (!thresholds.empty()) provenance["thresholds"] = joined(thresholds);
  const LearnedGate gate(trained.weights, provenance);
  write_gate(a.out, gate);
  if (!a.calibration.empty()) {
    set.provenance = {{"kind", "deer calibration"},
                      {"version", kVersion},
                      {"model", opened.metadata.model_name},
                      {"model_hash", opened.metadata.model_hash},
                      {"data", printable(names, 2000)},
                      {"data_episodes", std::to_string(split.episodes[2])},
                      {"history", "those the gate was trained on"},
                      {"seed", std::to_string(a.seed)},
                      {"samples", std::to_string(set.samples())},
                      {"criterion", std::string(to_string(Criterion::learned_gate))},
                      {"delta_type", std::string(to_string(DeltaType::l2))},
                      {"gate", gate.fingerprint()},
                      {"gate_file", a.out}};
    write_calibration(a.calibration, set);
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (!a.json.empty()) {
    Json exits = Json::array();
    for (const auto& one : figures) exits.push_back(deer::to_json(one));
    const Json report = {{"kind", "deer gate report"},
                         {"gate", a.out},
                         {"fingerprint", gate.fingerprint()},
                         {"provenance", provenance},
                         {"training_loss", trained.training_loss},
                         {"validation_loss", trained.validation_loss},
                         {"best_epoch", trained.best_epoch},
                         {"test", {{"exits", exits}, {"mean", summary}}},
                         {"budgets", budgets_json(budgets)},
                         {"multiply_adds", {{"frame", gate.cost_of_frame()}, {"exit", gate.cost_of_exit()}}},
                         {"threads", a.threads},
                         {"seconds", seconds}};
    write_file_atomically(a.json, report.dump(1) + "\n");
  }
  std::printf("kept epoch %d of %zu, validation loss %.4f (untrained %.4f)\n", trained.best_epoch,
              trained.validation_loss.size() - 1, trained.validation_loss[static_cast<std::size_t>(trained.best_epoch)],
              trained.validation_loss.front());
  std::printf("test episodes, distances from the deepest exit's action:\n");
  figures.push_back(mean);
  print_figures(figures);
  print_budgets(budgets);
  std::printf("\n%s: fingerprint %s, %.3g multiply-adds per frame and %.3g per exit, %.0f s\n", a.out.c_str(),
              gate.fingerprint().c_str(), gate.cost_of_frame(), gate.cost_of_exit(), seconds);
}

}  // namespace

void add_gate(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  auto* command = app.add_subcommand(
      "gate",
      "Train a learned gate from traces: a small network that predicts how far an exit's action is from the "
      "deepest exit's");
  command->add_option("TRACE", a->traces, "Trace written by deer trace, or a folder of .h5 files")->required();
  command->add_option("--out", a->out, "Gate file to write (safetensors)")->check(output_file())->required();
  command->add_option("--model", a->model, "Model folder the traces were recorded with, if it has moved");
  command->add_option("--json", a->json, "File for the report")->check(output_file());
  command->add_option(
      "--calibration", a->calibration,
      "Calibration file to write, for deer solve: the gate's values on the episodes it was calibrated on");
  command->add_option("--histories", a->samples.histories, "Histories under which each episode is run")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  command->add_option("--width", a->training.width, "Width of the two hidden layers")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  command->add_option("--epochs", a->training.epochs, "Maximum passes over the training samples")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  command->add_option("--patience", a->training.patience, "Epochs without a lower validation loss before it stops")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  command->add_option("--learning-rate", a->training.learning_rate, "Learning rate of AdamW")
      ->capture_default_str()
      ->check(above_zero());
  command->add_option("--weight-decay", a->training.weight_decay, "Weight decay of AdamW")
      ->capture_default_str()
      ->check(at_least_zero());
  command->add_option("--seed", a->seed, "Random seed of histories, split, weights and batches")
      ->capture_default_str()
      ->check(whole_number());
  command->add_option("--memory-gb", a->memory_gb, "Memory for samples, in 10^9 bytes; longer traces are thinned out")
      ->capture_default_str()
      ->check(above_zero());
  command->add_option("--threads", a->threads, "Threads; may affect the last digits of results")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  command->callback([a] {
    try {
      train(*a);
    } catch (const Cancelled&) {
      std::fputs("deer: interrupted; nothing was written\n", stderr);
      constexpr int kInterrupted = 130;
      throw CLI::RuntimeError(kInterrupted);
    }
  });
}

}  // namespace deer::cli
