// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/policy_options.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "core/base/error.h"

namespace deer::cli {
namespace {

// "0.02,0.03,always", or a file readable by read_thresholds().
ThresholdsFile parse_thresholds(const std::string& text) {
  std::error_code error;
  const auto kind = std::filesystem::status(text, error).type();
  if (kind == std::filesystem::file_type::regular) return read_thresholds(text);
  if (kind != std::filesystem::file_type::not_found && kind != std::filesystem::file_type::none) {
    throw FileError(text, "is not a thresholds file");
  }
  ThresholdsFile out;
  std::istringstream words(text + ",");
  std::string word;
  while (std::getline(words, word, ',')) {
    char* end = nullptr;
    const double value = word == "always"  ? kAlwaysLeave
                         : word == "never" ? kNeverLeave
                                           : std::strtod(word.c_str(), &end);
    if ((end != nullptr && (end == word.c_str() || *end != '\0')) || std::isnan(value)) {
      throw Error("threshold '" + printable(word) + "' is not a number, 'always' or 'never' (and no such file exists)");
    }
    out.thresholds.push_back(value);
  }
  return out;
}

std::string list(std::span<const int> layers) {
  std::string out;
  for (const int layer : layers) out += (out.empty() ? "" : ", ") + std::to_string(layer);
  return out;
}

}  // namespace

void PolicyOptions::add_to(CLI::App& command) {
  auto* const given = command.add_option("--thresholds", thresholds, "One per exit: 0.02,0.03,always; or a JSON file");
  command.add_option("--exit", exit_layer, "Exit every frame after this layer (zero-based), without probing")
      ->excludes(given);
  command.add_flag("--own-head", own_head, "With --exit: use the head trained only on that layer");
  command.add_option("--criterion", criterion, "action_delta, feature_similarity, time_step or fixed_exit");
  command.add_flag("--leave-above", leave_above, "Exit if the value is above the threshold (reference: leq off)");
  command.add_option("--delta-type", delta_type, "L2, mean, max or cosine")->default_str("L2, or the file's");
  command.add_option("--max-layer", max_layer, "Use only layers below this one");
  command.add_option("--steps-per-stage", steps_per_stage, "Re-evaluate the exit every N steps")->capture_default_str();
  command.add_option("--steps-per-exit", steps_per_exit, "With time_step: steps until the next deeper exit")
      ->capture_default_str();
  command.add_option("--executions", executions, "Execute each prediction N times")->capture_default_str();
  command.add_option("--refresh-every,--refresh", refresh_every, "Reset the history every N steps; 0: never")
      ->capture_default_str();
  command.add_flag("--ensemble", ensemble, "Use the mean of a step's last two probes as the command");
}

void add_engine_options(CLI::App& command, EngineOptions& options) {
  command.add_option("--tokenizer", options.tokenizer, "tokenizer.json, if the model folder has none");
  command.add_option("--device", options.device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  command.add_option("--dtype", options.dtype, "auto, float32, bfloat16 or float16")->capture_default_str();
  command.add_option("--load-layers", options.max_layer, "Load only the first N layers");
}

void check_exit_layers(const std::string& file, const ThresholdsFile& thresholds, std::span<const int> exit_layers) {
  const auto& found = thresholds.exit_layers;
  if (found.size() <= exit_layers.size() && std::equal(found.begin(), found.end(), exit_layers.begin())) return;
  throw FileError(file, "'exit_layers' are " + list(found) + ", expected the model's (" + list(exit_layers) +
                            ") or the first of these");
}

ExitPolicy PolicyOptions::apply(ExitPolicy policy, std::span<const int> exit_layers) const {
  policy.delta_type = DeltaType::l2;
  policy.max_layer = max_layer;
  if (thresholds) {
    const auto given = parse_thresholds(*thresholds);
    policy.thresholds = given.thresholds;
    policy.criterion = given.criterion;
    policy.delta_type = given.delta_type;
    if (!exit_layers.empty() && !given.exit_layers.empty()) {
      check_exit_layers(*thresholds, given, exit_layers);
      if (!max_layer && given.exit_layers.size() < exit_layers.size()) policy.max_layer = given.exit_layers.back() + 1;
    }
  }
  if (!criterion.empty()) policy.criterion = parse_criterion(criterion);
  if (!delta_type.empty()) policy.delta_type = parse_delta_type(delta_type);
  policy.steps_per_stage = steps_per_stage;
  policy.steps_per_exit = steps_per_exit;
  policy.executions = executions;
  policy.refresh_every = refresh_every;
  policy.action_ensemble = ensemble;
  if (exit_layer) {
    policy.criterion = Criterion::fixed_exit;
    policy.fixed_layer = exit_layer;
  }
  policy.use_own_head = own_head;
  policy.leq = !leave_above;
  return policy;
}

Json to_json(const ExitPolicy& policy) {
  const auto or_null = [](const std::optional<int>& value) { return value ? Json(*value) : Json(nullptr); };
  return {{"criterion", to_string(policy.criterion)}, {"delta_type", to_string(policy.delta_type)},
          {"thresholds", policy.thresholds},          {"leave_above", !policy.leq},
          {"max_layer", or_null(policy.max_layer)},   {"fixed_layer", or_null(policy.fixed_layer)},
          {"own_head", policy.use_own_head},          {"steps_per_stage", policy.steps_per_stage},
          {"steps_per_exit", policy.steps_per_exit},  {"ensemble", policy.action_ensemble},
          {"executions", policy.executions},          {"refresh_every", policy.refresh_every}};
}

}  // namespace deer::cli
