// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/cost_model.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/exits/learned_gate.h"

namespace deer {
namespace {

// Multiply-adds of softmax(q k^T) v, q and k of width `inner` over all heads.
double attention(double queries, double keys, double inner) { return 2 * queries * keys * inner; }

double head_multiply_adds(const ActionHeadConfig& head, double d_model) {
  const auto hidden = static_cast<double>(head.hidden_size);
  double out = 0;
  double width = d_model;
  for (std::int64_t i = 0; i < head.lstm_layers; ++i) {
    out += 4 * hidden * (width + hidden);
    width = hidden;
  }
  for (const int outputs : {6, 1}) {
    double in = hidden;
    for (const auto next : head.mlp_hidden) {
      out += in * static_cast<double>(next);
      in = static_cast<double>(next);
    }
    out += in * outputs;
  }
  return out;
}

std::int64_t head_parameters(const ActionHeadConfig& head, std::int64_t d_model) {
  const auto hidden = head.hidden_size;
  std::int64_t out = 0;
  std::int64_t width = d_model;
  for (std::int64_t i = 0; i < head.lstm_layers; ++i) {
    out += 4 * hidden * (width + hidden + 2);
    if (head.lstm_layernorm) out += 2 * hidden;
    width = hidden;
  }
  for (const int outputs : {6, 1}) {
    auto in = hidden;
    for (const auto next : head.mlp_hidden) {
      out += next * (in + 1);
      if (head.mlp_layernorm) out += 2 * next;
      in = next;
    }
    out += outputs * (in + 1);
  }
  return out;
}

}  // namespace

CostModel::CostModel(ModelConfig config, FlopConvention convention)
    : config_(std::move(config)), convention_(convention) {}

double CostModel::giga(double multiply_adds) const {
  return multiply_adds * (convention_ == FlopConvention::multiply_add_is_two ? 2e-9 : 1e-9);
}

void CostModel::check_layer(int layer) const {
  if (layer >= 0 && layer < config_.decoder.layers) return;
  throw Error("layer " + std::to_string(layer) + " does not exist: the model has layers 0 to " +
              std::to_string(config_.decoder.layers - 1));
}

double CostModel::vision_gflops() const {
  const auto& v = config_.vision;
  const auto width = static_cast<double>(v.width);
  const auto patches = static_cast<double>(v.patches());
  const auto tokens = patches + 1;
  const auto patch = 3 * static_cast<double>(v.patch_size) * static_cast<double>(v.patch_size);
  const auto block =
      tokens * width * (4 * width + 2 * static_cast<double>(v.mlp_width)) + attention(tokens, tokens, width);
  return giga(patches * patch * width + static_cast<double>(v.layers) * block);
}

double CostModel::resampler_gflops() const {
  const auto& p = config_.perceiver;
  const auto dim = static_cast<double>(p.dim);
  const auto inner = static_cast<double>(p.heads * p.dim_head);
  const auto latents = static_cast<double>(p.latents);
  const auto keys = static_cast<double>(config_.vision.patches()) + latents;
  const auto layer = latents * dim * inner                                        // queries
                     + keys * dim * 2 * inner                                     // keys and values
                     + attention(latents, keys, inner) + latents * inner * dim    // output
                     + 2 * latents * dim * static_cast<double>(p.ff_mult) * dim;  // feed forward
  return giga(static_cast<double>(p.depth) * layer);
}

double CostModel::cross_attention_gflops(int layer, int tokens) const {
  check_layer(layer);
  const auto& c = config_.cross_attention;
  if (!c.before_layer(layer)) return 0;
  const auto d = static_cast<double>(config_.decoder.d_model);
  const auto inner = static_cast<double>(c.heads * c.dim_head);
  const auto media = 2 * static_cast<double>(config_.perceiver.latents);
  const auto text = static_cast<double>(tokens);
  return giga(media * static_cast<double>(config_.perceiver.dim) * 2 * inner  // keys and values
              + 2 * text * d * inner + attention(text, media, inner)          // queries, output
              + 2 * text * d * static_cast<double>(c.ff_mult) * d);           // feed forward
}

double CostModel::layer_gflops(int layer, int tokens) const {
  const auto d = static_cast<double>(config_.decoder.d_model);
  const auto text = static_cast<double>(tokens);
  const auto block = text * d * d * (4 + 2 * static_cast<double>(config_.decoder.mlp_ratio)) + attention(text, text, d);
  return cross_attention_gflops(layer, tokens) + giga(block);
}

double CostModel::head_gflops() const {
  return giga(head_multiply_adds(config_.head, static_cast<double>(config_.decoder.d_model)));
}

double CostModel::llm_gflops(int exit_layer, int tokens) const {
  check_layer(exit_layer);
  double out = 0;
  for (int layer = 0; layer <= exit_layer; ++layer) out += layer_gflops(layer, tokens);
  return out;
}

double CostModel::gate_gflops(int exits) const {
  const int predicted = std::min(exits, gate_.gated);
  return predicted > 0 ? giga(gate_.frame + predicted * gate_.exit) : 0;
}

StepCost CostModel::step(int exit_layer, int tokens, int runs, int compared) const {
  return {2 * vision_gflops(), 2 * resampler_gflops(), llm_gflops(exit_layer, tokens), runs * head_gflops(),
          gate_gflops(compared)};
}

StepCost CostModel::step(const FrameRecord& record) const {
  if (record.reason == ExitReason::repeated) return {};
  if (record.prompt_tokens <= 0) {
    throw Error("frame " + std::to_string(record.frame) + " was recorded without its prompt length");
  }
  return step(record.exit_layer, record.prompt_tokens, head_runs(record), compared_exits(record));
}

CostModel::Parameters CostModel::parameters(int deepest_layer) const {
  check_layer(deepest_layer);
  Parameters out;
  const auto& v = config_.vision;
  const auto block = 4 * v.width * v.width + 2 * v.width * v.mlp_width + 9 * v.width + v.mlp_width;
  out.vision = v.width * 3 * v.patch_size * v.patch_size + v.width + (v.patches() + 1) * v.width + 2 * v.width +
               v.layers * block;
  const auto& p = config_.perceiver;
  const auto inner = p.heads * p.dim_head;
  out.resampler =
      p.latents * p.dim + 2 * p.dim + p.depth * (4 * p.dim * inner + 2 * p.ff_mult * p.dim * p.dim + 6 * p.dim);
  const auto d = config_.decoder.d_model;
  out.embedding = config_.decoder.vocabulary * d;
  const auto& c = config_.cross_attention;
  const auto across = c.heads * c.dim_head;
  for (int layer = 0; layer <= deepest_layer; ++layer) {
    out.layers += d * d * (4 + 2 * config_.decoder.mlp_ratio) + 2 * d;
    if (config_.decoder.qk_layernorm) out.layers += 2 * d;
    if (c.before_layer(layer)) {
      out.layers += 2 * d * across + 2 * across * p.dim + 2 * c.ff_mult * d * d + 4 * d + 2;
    }
  }
  // A truncated model has an exit after its last layer.
  const auto exits = config_.exit_layers();
  const auto kept = std::count_if(exits.begin(), exits.end(), [&](int layer) { return layer <= deepest_layer; });
  out.heads = (kept + (config_.multi_exit ? 1 : 0)) * head_parameters(config_.head, d);
  return out;
}

GateCost gate_cost(const ExitPolicy& policy, const GateReference& other) {
  if (policy.criterion != Criterion::learned_gate) return {};
  const auto& gate = policy.gate.gate ? policy.gate.gate : other == policy.gate ? other.gate : nullptr;
  if (!gate) return {};
  return {gate->cost_of_frame(), gate->cost_of_exit(), static_cast<int>(gate->weights().gated())};
}

int compared_exits(const FrameRecord& record) {
  if (record.reason != ExitReason::within_threshold && record.reason != ExitReason::deepest_allowed) return 0;
  return static_cast<int>(std::count_if(record.exits.begin(), record.exits.end(),
                                        [](const ExitProbe& probe) { return probe.evaluated_by_policy; }));
}

int head_runs(const FrameRecord& record) {
  switch (record.reason) {
    case ExitReason::repeated:
      return 0;
    case ExitReason::held:
    case ExitReason::scheduled:
    case ExitReason::fixed:
    case ExitReason::forced:
      return 1;
    case ExitReason::within_threshold:
    case ExitReason::deepest_allowed:
      break;
  }
  return compared_exits(record) + (record.has_predecessor() ? 1 : 0) + 1;
}

}  // namespace deer
