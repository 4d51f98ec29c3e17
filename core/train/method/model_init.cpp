// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/method/model_init.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

#include "core/train/base/map_weights.h"

namespace deer {
namespace {

// FNV-1a: identical on every machine, unlike std::hash.
std::uint64_t hash(std::uint64_t seed, const std::string& text) {
  std::uint64_t h = 1469598103934665603ULL ^ (seed * 0x9e3779b97f4a7c15ULL);
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return h;
}

bool ends_with_any(const std::string& name, std::initializer_list<const char*> ends) {
  for (const char* end : ends) {
    if (name.ends_with(end)) return true;
  }
  return false;
}

at::Tensor initial_value(const std::string& name, const std::vector<std::int64_t>& shape, const ModelConfig& config,
                         const ModelInit& init) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(hash(init.seed, name));
  const auto options = at::dtype(at::kFloat);
  const auto normal = [&](double deviation) { return at::randn(shape, generator, options) * deviation; };
  const auto uniform = [&](double bound) { return (at::rand(shape, generator, options) * 2 - 1) * bound; };

  if (name.ends_with("_gate")) return at::full(shape, init.gate, options);
  if (name.find(".rnn.") != std::string::npos && name.find("_l") != std::string::npos) {
    return uniform(1.0 / std::sqrt(static_cast<double>(config.head.hidden_size)));  // as PyTorch initialises an LSTM
  }
  if (name == "perceiver.latents") return normal(1.0);
  if (name.ends_with("wte.weight")) return normal(0.02);
  if (ends_with_any(name, {"class_embedding", "positional_embedding"})) {
    return normal(1.0 / std::sqrt(static_cast<double>(config.vision.width)));
  }
  if (name.ends_with("bias")) return at::zeros(shape, options);
  if (shape.size() == 1) return at::ones(shape, options);  // scale of a norm

  double inputs = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) inputs *= static_cast<double>(shape[i]);
  if (is_head_parameter(name)) return uniform(1.0 / std::sqrt(inputs));
  // Layers that write into a residual stream start smaller the more there are.
  double writers = 1;
  if (ends_with_any(name, {"out_proj.weight", "mlp_down.weight", "down_proj.weight", "to_out.weight", "ff.3.weight",
                           ".1.3.weight", "c_proj.weight"})) {
    const auto layers = name.starts_with("vision_encoder.") ? config.vision.layers
                        : name.starts_with("perceiver.")    ? config.perceiver.depth
                                                            : config.decoder.layers;
    writers = 2.0 * static_cast<double>(layers);
  }
  return normal(1.0 / std::sqrt(inputs * writers));
}

}  // namespace

ParameterMap initial_parameters(const ModelConfig& config, const ModelInit& init, const ParameterMap& pretrained) {
  ParameterMap out = pretrained;
  const MapWeights source(pretrained, "pretrained parameters");
  WeightBinder binder(source, at::kCPU, at::kFloat);
  binder.make_missing = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    return out[name] = initial_value(name, shape, config, init);
  };
  const MultiExitModel network(config, binder, at::kCPU, at::kFloat);
  binder.finish();
  const bool small = config.decoder.family == DecoderFamily::mpt_1b;
  const auto norm = std::string("lang_encoder.transformer.") + (small ? "ln_f.weight" : "norm_f.weight");
  if (!out.contains(norm)) out[norm] = at::ones({config.decoder.d_model});
  return out;
}

}  // namespace deer
