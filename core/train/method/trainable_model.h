// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/model/model_loader.h"
#include "core/train/windows/window_batch.h"

namespace deer {

/// Parameters by their names in the merged model ("perceiver.latents", …).
using ParameterMap = std::map<std::string, at::Tensor>;

/// A network in float32 whose parameters can be changed: network() sees each change at once, because
/// both share the tensors. Not thread-safe while parameters change.
class TrainableModel {
 public:
  /// Loads the parameters of a model folder. Frozen ones stay mapped from their file.
  /// Throws FileError if they do not match the configuration.
  TrainableModel(const ModelFiles& files, at::Device device);

  /// Uses `parameters`. Throws FileError naming `source` if they do not match the configuration.
  TrainableModel(ModelConfig config, ParameterMap parameters, at::Device device,
                 const std::filesystem::path& source = "new model");

  const ModelConfig& config() const { return network_->config(); }
  const MultiExitModel& network() const { return *network_; }
  at::Device device() const { return network_->device(); }

  /// All parameters, the decoder's final norm included.
  const ParameterMap& parameters() const { return parameters_; }

  /// A model on the same parameters with separate gradients, for another thread. In-place changes of the parameters are
  /// shared.
  TrainableModel replica() const;

  /// Sets the parameters that get gradients, starting at zero; the others are frozen.
  void set_trainable(const std::function<bool(const std::string&)>& is_trainable);

  /// Parameters that get gradients.
  ParameterMap trainable() const;

  /// The decoder's final norm, used only by MPT-7b's last head in training; undefined if there is none.
  const at::Tensor& final_norm() const { return final_norm_; }

 private:
  ParameterMap parameters_;
  std::unique_ptr<MultiExitModel> network_;
  at::Tensor final_norm_;
};

/// True for parameters of an action head: lm_head, lm_exit_modules, extra_exit.
bool is_head_parameter(const std::string& name);

/// Pooled hidden states of every frame of a window batch.
struct WindowFeatures {
  std::map<int, at::Tensor> by_layer;  ///< [B, W, d_model] float32
  at::Tensor last_normed;              ///< the same after the last layer and the final norm; undefined without one
};

/// Whether padding after shorter prompts is included in pooling. In the reference it is, so a frame's numbers depend on
/// the longest prompt of its batch, unlike in inference.
enum class PaddingInPooling { included, excluded };

/// Runs vision tower (never with gradients), resampler and decoder on every frame of `batch`, up to the
/// deepest of `layers`, and pools the hidden states of these. Gradients flow if they are enabled.
/// Throws Error if the batch does not match the model.
WindowFeatures window_features(const TrainableModel& model, const WindowBatch& batch, const std::vector<int>& layers,
                               PaddingInPooling padding = PaddingInPooling::included);

}  // namespace deer
