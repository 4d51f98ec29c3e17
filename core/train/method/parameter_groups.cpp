// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/method/parameter_groups.h"

#include <algorithm>

#include "core/train/method/trainable_model.h"

namespace deer {
namespace {

bool contains(const std::string& name, std::initializer_list<const char*> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const char* part) { return name.find(part) != std::string::npos; });
}

bool decays(const std::string& name, bool decay_heads) {
  if (is_head_parameter(name)) return decay_heads;
  // By name, as the reference does: the feed-forward norm ff.0 has no "norm" in its name and decays.
  if (contains(name, {"gated_cross_attn_layer"})) return !contains(name, {"ff_gate", "attn_gate", "norm", "bias"});
  return contains(name, {".decoder_layer."}) && !contains(name, {"norm_", "ln_1", "ln_2", "q_ln", "k_ln"});
}

}  // namespace

bool trains(TrainingStage stage, const std::string& name, bool decoder_too, bool resampler_too) {
  if (is_head_parameter(name)) return true;
  if (stage == TrainingStage::exit) return false;
  if (name.starts_with("perceiver.")) return resampler_too;
  return name == "lang_encoder.transformer.wte.weight" || contains(name, {"gated_cross_attn_layer"}) ||
         (decoder_too && contains(name, {".decoder_layer."}));
}

std::vector<ParameterGroup> parameter_groups(TrainingStage stage, const std::vector<std::string>& parameters,
                                             const GroupOptions& options) {
  const bool joint = stage == TrainingStage::joint;
  const double head_rate = options.learning_rate * (joint ? options.head_scale : 1.0);
  ParameterGroup groups[] = {{"backbone_decay", options.learning_rate, options.weight_decay, {}},
                             {"backbone", options.learning_rate, 0, {}},
                             {"heads_decay", head_rate, options.weight_decay, {}},
                             {"heads", head_rate, 0, {}}};
  for (const auto& name : parameters) {
    const std::size_t index = (is_head_parameter(name) ? 2 : 0) + (decays(name, options.decay_heads) ? 0 : 1);
    groups[index].parameters.push_back(name);
  }
  return {joint ? std::begin(groups) : std::begin(groups) + 2, std::end(groups)};
}

double scaled_learning_rate(double learning_rate, std::int64_t batch_per_process, std::int64_t processes) {
  return learning_rate * static_cast<double>(batch_per_process) / 6.0 * static_cast<double>(processes) / 8.0;
}

}  // namespace deer
