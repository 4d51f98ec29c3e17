// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/model/perceiver_resampler.h"
#include "core/train/vision/flat_parameters.h"

namespace deer {

inline constexpr const char* kResamplerPrefix = "perceiver.";

/// The resampler's parameters under the model's names, initialised as in a new model.
std::vector<ParameterSpec> resampler_specs(const PerceiverConfig& config);

/// A resampler that shares these float32 tensors: gradients flow to leaf tensors.
PerceiverResampler make_resampler(const PerceiverConfig& config, const std::map<std::string, at::Tensor>& tensors);

/// A linear readout from all latents of one camera: what it can read is easy to find for the decoder's cross-attention.
std::vector<ParameterSpec> latent_reader_specs(const std::string& prefix, const PerceiverConfig& config,
                                               std::int64_t outputs);

/// `latents` [N, latents, dim] to [N, outputs].
at::Tensor read_latents(const std::map<std::string, at::Tensor>& parameters, const std::string& prefix,
                        const at::Tensor& latents);

}  // namespace deer
