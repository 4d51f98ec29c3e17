// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/multi_exit_model.h"

#include <algorithm>

#include "core/base/error.h"

namespace deer {

MultiExitModel::MultiExitModel(ModelConfig config, WeightBinder& weights, at::Device device, at::ScalarType dtype,
                               ModelParts parts)
    : config_(std::move(config)), device_(device), dtype_(dtype), exit_layers_(config_.exit_layers()) {
  if (parts == ModelParts::whole) {
    vision_.emplace(config_.vision, weights, "vision_encoder.visual.");
    resampler_.emplace(config_.perceiver, weights);
    embedding_ =
        weights.take("lang_encoder.transformer.wte.weight", {config_.decoder.vocabulary, config_.decoder.d_model});
    for (std::int64_t i = 0; i < config_.decoder.layers; ++i) decoder_.emplace_back(config_, i, weights);
  }
  const auto d = config_.decoder.d_model;
  const auto internal = exit_layers_.size() - (config_.last_exit_is_internal ? 0 : 1);
  for (std::size_t j = 0; j < internal; ++j) {
    const auto prefix = "lm_exit_modules." + std::to_string(j) + ".";
    heads_.emplace_back(exit_layers_[j], ActionHead(config_.head, d, weights, prefix));
  }
  if (internal < exit_layers_.size()) {
    heads_.emplace_back(exit_layers_.back(), ActionHead(config_.head, d, weights, "lm_head."));
  }
  if (config_.multi_exit) shared_head_.emplace(config_.head, d, weights, "extra_exit.");
}

PreparedText MultiExitModel::prepare_text(const at::Tensor& input_ids, const at::Tensor& attention_mask) const {
  if (input_ids.dim() != 2 || input_ids.numel() == 0 || input_ids.sizes() != attention_mask.sizes()) {
    throw Error("token ids and attention mask must have the same non-empty [batch, length] shape");
  }
  const auto smallest = input_ids.min().item<std::int64_t>();
  const auto largest = input_ids.max().item<std::int64_t>();
  if (smallest < 0 || largest >= config_.decoder.vocabulary) {
    throw Error("token id " + std::to_string(smallest < 0 ? smallest : largest) +
                " is outside the model's vocabulary of " + std::to_string(config_.decoder.vocabulary) +
                " (does the tokenizer belong to this model?)");
  }
  PreparedText out;
  out.input_ids = input_ids.to(device_);
  out.attention_mask = attention_mask.to(device_);
  out.embedding = at::embedding(embedding_, out.input_ids);
  out.context = make_text_context(config_.decoder, config_.tokens, out.input_ids, out.attention_mask, dtype_);
  return out;
}

const ActionHead* MultiExitModel::head_of_layer(int layer) const {
  const auto it = std::find_if(heads_.begin(), heads_.end(), [layer](const auto& head) { return head.first == layer; });
  return it == heads_.end() ? nullptr : &it->second;
}

DecoderPass::DecoderPass(const MultiExitModel& model, const PreparedText& text, at::Tensor media, std::stop_token stop)
    : model_(model), text_(text), media_(std::move(media)), stop_(std::move(stop)) {}

void DecoderPass::hide(std::vector<HiddenCamera> cameras) {
  const auto heads = static_cast<int>(model_.config().cross_attention.heads);
  for (const auto& one : cameras) {
    if (one.head && *one.head >= heads) {
      throw Error("the cross-attention has heads 0 to " + std::to_string(heads - 1) + ", not " +
                  std::to_string(*one.head));
    }
    if (one.last_layer >= model_.layers()) {
      throw Error("there is no layer " + std::to_string(one.last_layer) + ": the model has layers 0 to " +
                  std::to_string(model_.layers() - 1));
    }
    bool any = false;
    for (int layer = one.first_layer; layer <= one.last_layer; ++layer) {
      any = any || model_.layer(layer).has_cross_attention();
    }
    if (!any) {
      throw Error("no layer from " + std::to_string(one.first_layer) + " to " + std::to_string(one.last_layer) +
                  " has a cross-attention");
    }
  }
  hidden_cameras_ = std::move(cameras);
}

at::Tensor DecoderPass::hidden_media(int layer) const {
  at::Tensor out;
  const auto latents = media_.size(1) / 2;
  for (const auto& one : hidden_cameras_) {
    if (layer < one.first_layer || layer > one.last_layer) continue;
    const auto heads = model_.config().cross_attention.heads;
    if (!out.defined()) out = at::zeros({1, heads, 1, 2 * latents}, media_.options().dtype(at::kBool));
    auto part = out.narrow(3, one.gripper ? latents : 0, latents);
    if (one.head) part = part.narrow(1, *one.head, 1);
    part.fill_(true);
  }
  return out;
}

const at::Tensor& DecoderPass::hidden(int layer) {
  if (layer < 0 || layer >= model_.layers()) {
    throw Error("layer " + std::to_string(layer) + " does not exist: the model has layers 0 to " +
                std::to_string(model_.layers() - 1));
  }
  while (layers_run() <= layer) {
    if (stop_.stop_requested()) throw Cancelled();
    const auto& before = hidden_.empty() ? text_.embedding : hidden_.back();
    const auto& next = model_.layer(layers_run());
    const auto hidden = hidden_media(layers_run());
    if (hidden.defined()) {
      auto context = text_.context;
      context.hidden_media = hidden;
      hidden_.push_back(next.forward(before, media_, context).hidden);
    } else {
      hidden_.push_back(next.forward(before, media_, text_.context).hidden);
    }
  }
  return hidden_[static_cast<std::size_t>(layer)];
}

at::Tensor DecoderPass::cross_attention_weights(int layer) {
  const auto* const cross = layer >= 0 && layer < model_.layers() ? model_.layer(layer).cross_attention() : nullptr;
  if (!cross) throw Error("layer " + std::to_string(layer) + " has no cross-attention");
  return cross->attention_weights(layer == 0 ? text_.embedding : hidden(layer - 1), media_, text_.context);
}

}  // namespace deer
