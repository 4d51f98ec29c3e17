// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/model/perceiver_resampler.h"
#include "core/train/vision/flat_parameters.h"

namespace deer {

inline constexpr const char* kResamplerPrefix = "perceiver.";

/// The resampler's parameters under the model's names, starting as a new model's do.
std::vector<ParameterSpec> resampler_specs(const PerceiverConfig& config);

/// A resampler on these float32 tensors, which it shares: gradients flow to those that are leaves.
PerceiverResampler make_resampler(const PerceiverConfig& config, const std::map<std::string, at::Tensor>& tensors);

/// What a linear layer reads from all latents of one camera together: what is easy to read for it is easy to
/// find for the decoder's cross-attention.
std::vector<ParameterSpec> latent_reader_specs(const std::string& prefix, const PerceiverConfig& config,
                                               std::int64_t outputs);

/// `latents` [N, latents, dim] to [N, outputs].
at::Tensor read_latents(const std::map<std::string, at::Tensor>& parameters, const std::string& prefix,
                        const at::Tensor& latents);

}  // namespace deer
