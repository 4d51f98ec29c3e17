// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/vision/resampler_pretraining.h"

#include <cmath>

#include "core/train/base/map_weights.h"

namespace deer {

std::vector<ParameterSpec> resampler_specs(const PerceiverConfig& config) {
  using Start = ParameterSpec::Start;
  std::vector<ParameterSpec> out;
  const std::map<std::string, at::Tensor> nothing;
  const MapWeights source(nothing, "new resampler");
  WeightBinder binder(source, at::kCPU, at::kFloat);
  // Building the network once gives its parameters.
  binder.make_missing = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    const bool is_norm = name.find("norm") != std::string::npos || shape.size() == 1;
    if (is_norm) {
      out.push_back({name, shape, name.ends_with("bias") ? Start::zeros : Start::ones});
    } else if (name.ends_with("latents")) {
      out.push_back({name, shape, Start::normal, 1});
    } else {
      // Layers that write into the residual stream start smaller the more there are.
      const bool writes = name.ends_with("to_out.weight") || name.ends_with(".3.weight");
      const double inputs = static_cast<double>(shape[1]) * (writes ? 2.0 * static_cast<double>(config.depth) : 1);
      out.push_back({name, shape, Start::normal, 1 / std::sqrt(inputs), true});
    }
    return at::zeros(shape);
  };
  const PerceiverResampler network(config, binder, kResamplerPrefix);
  binder.finish();
  return out;
}

PerceiverResampler make_resampler(const PerceiverConfig& config, const std::map<std::string, at::Tensor>& tensors) {
  const MapWeights source(tensors, "resampler");
  WeightBinder binder(source, at::kCPU, at::kFloat);
  PerceiverResampler out(config, binder, kResamplerPrefix);
  binder.finish([](const std::string&) { return true; });
  return out;
}

std::vector<ParameterSpec> latent_reader_specs(const std::string& prefix, const PerceiverConfig& config,
                                               std::int64_t outputs) {
  using Start = ParameterSpec::Start;
  const auto inputs = config.latents * config.dim;
  return {{prefix + "weight", {outputs, inputs}, Start::normal, 0.3 / std::sqrt(static_cast<double>(inputs)), true},
          {prefix + "bias", {outputs}, Start::zeros}};
}

at::Tensor read_latents(const std::map<std::string, at::Tensor>& parameters, const std::string& prefix,
                        const at::Tensor& latents) {
  return at::linear(latents.to(at::kFloat).flatten(1), parameters.at(prefix + "weight"),
                    parameters.at(prefix + "bias"));
}

}  // namespace deer
