// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

#include "core/model/action_head.h"
#include "core/model/decoder_layer.h"
#include "core/model/perceiver_resampler.h"
#include "core/model/vision_encoder.h"
#include "core/model/weights.h"

namespace deer {

/// A prompt on the model's device, with the data every layer needs. Made once per instruction.
struct PreparedText {
  at::Tensor input_ids;       ///< [B, L]
  at::Tensor attention_mask;  ///< [B, L]
  at::Tensor embedding;       ///< [B, L, d_model]
  TextContext context;
};

/// Loaded part of the network: a replay only needs the action heads.
enum class ModelParts { whole, heads };

/// The DeeR network: CLIP tower, resampler, decoder with gated
/// cross-attention, and an action head per exit plus a shared one. Holds weights only: forward
/// functions are const, keep no state and may run on several threads.
class MultiExitModel {
 public:
  /// Takes the parameters from `weights`; call weights.finish() afterwards.
  /// `layers` decoder layers are built, config.decoder.layers at most; heads of deeper exits are left out.
  /// With ModelParts::heads only the heads are built; only functions marked so work then.
  MultiExitModel(ModelConfig config, WeightBinder& weights, at::Device device, at::ScalarType dtype,
                 ModelParts parts = ModelParts::whole);

  ModelParts parts() const { return vision_ ? ModelParts::whole : ModelParts::heads; }

  // These functions and the heads also work on a model with heads only.
  const ModelConfig& config() const { return config_; }
  at::Device device() const { return device_; }
  at::ScalarType dtype() const { return dtype_; }
  int layers() const { return static_cast<int>(config_.decoder.layers); }
  const std::vector<int>& exit_layers() const { return exit_layers_; }

  const VisionEncoder& vision() const { return *vision_; }
  const PerceiverResampler& resampler() const { return *resampler_; }
  const DecoderLayer& layer(int index) const { return decoder_.at(static_cast<std::size_t>(index)); }

  /// Latents of the static camera followed by those of the gripper camera: [N, 2 * latents, dim].
  static at::Tensor join_media(const at::Tensor& static_latents, const at::Tensor& gripper_latents) {
    return at::cat({static_latents, gripper_latents}, 1);
  }

  /// `input_ids`, `attention_mask` [B, L] int64. Throws Error if an id is outside the vocabulary.
  PreparedText prepare_text(const at::Tensor& input_ids, const at::Tensor& attention_mask) const;

  /// The head that dynamic inference uses on any layer; null if the checkpoint has none.
  const ActionHead* shared_head() const { return shared_head_ ? &*shared_head_ : nullptr; }

  /// The head trained on one exit's layer; null if that layer has none.
  const ActionHead* head_of_layer(int layer) const;

 private:
  ModelConfig config_;
  at::Device device_;
  at::ScalarType dtype_;
  std::vector<int> exit_layers_;
  std::optional<VisionEncoder> vision_;
  std::optional<PerceiverResampler> resampler_;
  at::Tensor embedding_;
  std::vector<DecoderLayer> decoder_;
  std::vector<std::pair<int, ActionHead>> heads_;
  std::optional<ActionHead> shared_head_;
};

/// Hides one camera's latents from the cross-attention of some decoder layers, both included.
struct HiddenCamera {
  int first_layer = 0;
  int last_layer = 0;
  std::optional<int> head;  ///< none: all
  bool gripper = false;     ///< or the static camera
};

/// One pass of the decoder, only as deep as requested.
class DecoderPass {
 public:
  /// `stop` is checked between layers.
  DecoderPass(const MultiExitModel& model, const PreparedText& text, at::Tensor media, std::stop_token stop = {});

  /// For the layers that did not run yet. Throws Error if a head or layer does not exist or has no cross-attention.
  void hide(std::vector<HiddenCamera> cameras);

  /// Hidden states [B, L, d_model] after `layer`; runs the layers up to it. Throws Cancelled.
  const at::Tensor& hidden(int layer);

  /// Pooled hidden state [B, d_model] after `layer`, float32.
  at::Tensor pooled(int layer) { return pool_tokens(hidden(layer), model_.config().head.pooling); }

  /// Weights of the cross-attention before decoder layer `layer`: [B, heads, L, latents of both cameras], float32. Runs
  /// the layers before it. Throws Cancelled; Error if that layer has none.
  at::Tensor cross_attention_weights(int layer);

  int layers_run() const { return static_cast<int>(hidden_.size()); }

 private:
  at::Tensor hidden_media(int layer) const;

  const MultiExitModel& model_;
  const PreparedText& text_;
  at::Tensor media_;
  std::stop_token stop_;
  std::vector<at::Tensor> hidden_;
  std::vector<HiddenCamera> hidden_cameras_;
};

}  // namespace deer
