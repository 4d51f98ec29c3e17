// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/policy_options.h"

#include <cstdio>
#include <filesystem>

#include "core/base/error.h"
#include "core/budget/thresholds_text.h"
#include "core/exits/gate_file.h"
#include "core/exits/learned_gate.h"

namespace deer::cli {
namespace {

std::optional<ThresholdsFile> thresholds_file(const std::string& text) {
  std::error_code error;
  const auto kind = std::filesystem::status(text, error).type();
  if (kind == std::filesystem::file_type::regular) return read_thresholds(text);
  if (kind == std::filesystem::file_type::not_found || kind == std::filesystem::file_type::none) return std::nullopt;
  throw FileError(text, "is not a thresholds file");
}

std::vector<double> parse_thresholds(const std::string& text) {
  try {
    return thresholds_from_text(text);
  } catch (const Error& error) {
    throw Error("--thresholds: " + std::string(error.what()) + " (and no file of that name exists)");
  }
}

}  // namespace

void PolicyOptions::add_to(CLI::App& command) {
  auto* const given = command.add_option("--thresholds", thresholds, "One per exit: 0.02,0.03,always; or a file");
  command.add_option("--exit", exit_layer, "Exit every frame after this layer (zero-based), without probing")
      ->excludes(given);
  command.add_flag("--own-head", own_head, "With --exit: use the head trained only on that layer");
  command.add_option("--criterion", criterion,
                     "action_delta, feature_similarity, learned_gate, time_step or fixed_exit");
  command.add_option("--gate", gate,
                     "Learned gate from deer gate: exit by its predictions (--criterion learned_gate); default: the "
                     "thresholds file's, or gate.safetensors in the model's folder");
  command.add_flag("--leave-above", leave_above, "Exit if the value is above the threshold (reference: leq off)");
  command.add_option("--delta-type", delta_type, "L2, mean, max or cosine")->default_str("L2, or the file's");
  command.add_option("--max-layer", max_layer, "Use only layers below this one");
  command.add_option("--steps-per-stage", steps_per_stage, "Re-evaluate the exit every N steps")->default_str("1");
  command.add_option("--steps-per-exit", steps_per_exit, "With time_step: steps until the next deeper exit")
      ->default_str("60");
  command.add_option("--executions", executions, "Execute each prediction N times")->default_str("1");
  command.add_option("--refresh-every,--refresh", refresh_every, "Reset the history every N steps; 0: never")
      ->default_str("0");
  command.add_flag("--ensemble", ensemble, "Use the mean of a step's last two probes as the command");
}

GateReference chosen_gate(const std::string& file, const GateReference& wanted, const std::filesystem::path& model) {
  if (file.empty()) return find_gate(wanted, model);
  auto out = open_gate(file);
  if (!wanted.fingerprint.empty() && wanted.fingerprint != out.fingerprint) {
    throw FileError(file, "is another gate than the thresholds or values are of: its fingerprint is " +
                              out.fingerprint + ", expected " + printable(wanted.fingerprint));
  }
  return out;
}

void add_engine_options(CLI::App& command, EngineOptions& options) {
  command.add_option("--tokenizer", options.tokenizer, "tokenizer.json, if the model folder has none");
  command.add_option("--device", options.device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  command.add_option("--dtype", options.dtype, "auto, float32, bfloat16 or float16")->capture_default_str();
  command.add_option("--load-layers", options.max_layer, "Load only the first N layers");
}

ExitPolicy PolicyOptions::apply(ExitPolicy policy, const ModelSummary* model) const {
  if (thresholds) {
    policy.delta_type = DeltaType::l2;
    policy.max_layer.reset();
    policy.criterion = Criterion::action_delta;
    if (const auto file = thresholds_file(*thresholds)) {
      if (model) {
        policy = deer::apply(*file, *model, std::move(policy));
      } else {
        policy.thresholds = file->thresholds;
        policy.criterion = file->criterion;
        policy.delta_type = file->delta_type;
        if (file->criterion == Criterion::learned_gate) policy.gate = file->gate;
      }
    } else {
      policy.thresholds = parse_thresholds(*thresholds);
    }
  }
  if (thresholds && model) {
    const auto odd = oddity(policy.thresholds, model->exit_layers.size());
    if (!odd.empty()) std::fprintf(stderr, "deer: note: %s\n", odd.c_str());
  }
  if (max_layer) policy.max_layer = max_layer;
  if (!gate.empty()) {
    // Thresholds of one gate mean nothing to another.
    const auto solved_for = policy.criterion == Criterion::learned_gate && thresholds ? policy.gate : GateReference();
    policy.gate = chosen_gate(gate, solved_for, {});
    policy.gate.path = std::filesystem::absolute(gate).lexically_normal().string();
    policy.criterion = Criterion::learned_gate;
    const auto suggested = policy.gate.gate->suggested_thresholds();
    if (!thresholds && !suggested.empty()) policy.thresholds = suggested;
  }
  if (!criterion.empty()) policy.criterion = parse_criterion(criterion);
  if (policy.criterion == Criterion::learned_gate && policy.gate.empty() && model && model->gate.gate) {
    policy.gate = model->gate;
    const auto suggested = policy.gate.gate->suggested_thresholds();
    if (!thresholds && !suggested.empty()) policy.thresholds = suggested;
  }
  if (!delta_type.empty()) policy.delta_type = parse_delta_type(delta_type);
  policy.steps_per_stage = steps_per_stage.value_or(policy.steps_per_stage);
  policy.steps_per_exit = steps_per_exit.value_or(policy.steps_per_exit);
  policy.executions = executions.value_or(policy.executions);
  policy.refresh_every = refresh_every.value_or(policy.refresh_every);
  if (ensemble) policy.action_ensemble = true;
  if (exit_layer) {
    policy.criterion = Criterion::fixed_exit;
    policy.fixed_layer = exit_layer;
    policy.use_own_head = own_head;
  }
  if (own_head) policy.use_own_head = true;
  if (leave_above) policy.leq = false;
  return policy;
}

}  // namespace deer::cli
