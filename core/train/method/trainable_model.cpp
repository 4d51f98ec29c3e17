// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/method/trainable_model.h"

#include <c10/core/GradMode.h>

#include <limits>

#include "core/base/error.h"
#include "core/model/torch_compat.h"
#include "core/train/base/map_weights.h"

namespace deer {
namespace {

std::string final_norm_name(DecoderFamily family) {
  return family == DecoderFamily::mpt_1b ? "lang_encoder.transformer.ln_f.weight"
                                         : "lang_encoder.transformer.norm_f.weight";
}

ParameterMap read_all(const ModelFiles& files) {
  // Building the network once shows which tensors it uses.
  WeightBinder binder(*files.weights, at::kCPU, at::kFloat);
  ParameterMap out;
  const MultiExitModel network(files.config, binder, at::kCPU, at::kFloat);
  binder.finish();
  const auto unused = binder.unused();
  const std::set<std::string> surplus(unused.begin(), unused.end());
  for (const auto& name : files.weights->names()) {
    if (surplus.contains(name) && name != final_norm_name(files.config.decoder.family)) continue;
    out[name] = files.weights->find(name)->to(at::kFloat).contiguous();
  }
  return out;
}

at::Tensor one_per_frame(const at::Tensor& per_window, std::int64_t window) {
  if (!per_window.defined() || per_window.size(0) == 1) return per_window;
  return per_window.repeat_interleave(window, 0);
}

// `pads` [N, L, 1] bool marks positions to exclude; undefined if there are none.
at::Tensor pool_text(const at::Tensor& hidden, const at::Tensor& pads, Pooling pooling) {
  if (!pads.defined()) return pool_tokens(hidden, pooling);
  const auto wide = hidden.to(at::kFloat);
  if (pooling == Pooling::max) return wide.masked_fill(pads, -std::numeric_limits<float>::infinity()).amax(1);
  return wide.masked_fill(pads, 0).sum(1) / pads.logical_not().sum(1);
}

void check_batch(const WindowBatch& batch, const ModelConfig& config) {
  const bool tokens = batch.static_tokens.defined();
  const auto& first = tokens ? batch.static_tokens : batch.rgb_static;
  const auto& second = tokens ? batch.gripper_tokens : batch.rgb_gripper;
  const auto dims = tokens ? 4 : 5;
  if (!first.defined() || !second.defined() || first.dim() != dims || second.dim() != dims ||
      first.sizes().slice(0, 2) != second.sizes().slice(0, 2)) {
    throw Error("a window batch needs tokens or images of both cameras, for the same windows and steps");
  }
  if (tokens && (first.size(3) != config.vision.width || second.size(3) != config.vision.width)) {
    throw Error("the batch's vision tokens are " + std::to_string(first.size(3)) +
                " wide, the model's vision tower outputs " + std::to_string(config.vision.width));
  }
  if (batch.input_ids.dim() != 2 || batch.input_ids.size(0) != first.size(0)) {
    throw Error("a window batch needs one instruction for each window");
  }
}

// Preallocates a parameter's gradient for backward to add to. Otherwise backward may give two parameters gradients that
// share memory, and adding and clipping in place would corrupt them.
void own_gradient(const at::Tensor& parameter) {
  if (parameter.requires_grad()) {
    parameter.mutable_grad() = at::zeros_like(parameter);
  } else {
    parameter.mutable_grad().reset();
  }
}

}  // namespace

bool is_head_parameter(const std::string& name) {
  return name.starts_with("lm_head.") || name.starts_with("lm_exit_modules.") || name.starts_with("extra_exit.");
}

TrainableModel::TrainableModel(const ModelFiles& files, at::Device device)
    : TrainableModel(files.config, read_all(files), device, files.weights->path()) {}

TrainableModel::TrainableModel(ModelConfig config, ParameterMap parameters, at::Device device,
                               const std::filesystem::path& source)
    : parameters_(std::move(parameters)) {
  for (auto& [name, tensor] : parameters_) tensor = tensor.to(device, at::kFloat).contiguous();
  const MapWeights weights(parameters_, source);
  WeightBinder binder(weights, device, at::kFloat);
  const auto norm = parameters_.find(final_norm_name(config.decoder.family));
  if (norm != parameters_.end()) final_norm_ = norm->second;
  network_ = std::make_unique<MultiExitModel>(std::move(config), binder, device, at::kFloat);
  binder.finish();
}

void TrainableModel::set_trainable(const std::function<bool(const std::string&)>& is_trainable) {
  for (auto& [name, tensor] : parameters_) {
    const bool train = is_trainable(name);
    // A frozen parameter may be a read-only mapping.
    if (train && !tensor.requires_grad()) tensor.set_data(tensor.clone());
    tensor.set_requires_grad(train);
    own_gradient(tensor);
  }
}

ParameterMap TrainableModel::trainable() const {
  ParameterMap out;
  for (const auto& item : parameters_) {
    if (item.second.requires_grad()) out.insert(item);
  }
  return out;
}

TrainableModel TrainableModel::replica() const {
  ParameterMap shared;
  for (const auto& [name, tensor] : parameters_) {
    shared[name] = tensor.detach().set_requires_grad(tensor.requires_grad());
  }
  TrainableModel out(config(), std::move(shared), device());
  for (auto& [name, tensor] : out.parameters_) own_gradient(tensor);
  return out;
}

WindowFeatures window_features(const TrainableModel& model, const WindowBatch& batch, const std::vector<int>& layers,
                               PaddingInPooling padding) {
  const auto& network = model.network();
  check_batch(batch, model.config());
  const auto device = model.device();
  const auto camera_tokens = [&](const at::Tensor& tokens, const at::Tensor& images) {
    if (tokens.defined()) return tokens.flatten(0, 1).to(device, at::kFloat);
    const at::NoGradGuard frozen;
    return network.vision().forward(images.flatten(0, 1).to(device, at::kFloat)).tokens;
  };
  const auto windows = batch.input_ids.size(0);
  const auto window = (batch.static_tokens.defined() ? batch.static_tokens : batch.rgb_static).size(1);
  const auto frames = windows * window;
  const auto tokens = at::cat(
      {camera_tokens(batch.static_tokens, batch.rgb_static), camera_tokens(batch.gripper_tokens, batch.rgb_gripper)});
  const auto latents = network.resampler().forward(tokens);
  const auto media = MultiExitModel::join_media(latents.narrow(0, 0, frames), latents.narrow(0, frames, frames));

  auto text = network.prepare_text(batch.input_ids, batch.attention_mask);
  text.embedding = text.embedding.repeat_interleave(window, 0);
  text.context.attention_bias = one_per_frame(text.context.attention_bias, window);
  text.context.media_mask = one_per_frame(text.context.media_mask, window);
  text.context.media_free = one_per_frame(text.context.media_free, window);

  at::Tensor pads;
  if (padding == PaddingInPooling::excluded && text.attention_mask.eq(0).any().item<bool>()) {
    pads = text.attention_mask.eq(0).repeat_interleave(window, 0).unsqueeze(-1);
  }
  const auto d = model.config().decoder.d_model;
  const auto pooled = [&](const at::Tensor& hidden) {
    return pool_text(hidden, pads, model.config().head.pooling).view({windows, window, d});
  };

  WindowFeatures out;
  DecoderPass pass(network, text, media);
  for (const int layer : layers) out.by_layer[layer] = pooled(pass.hidden(layer));
  if (model.config().decoder.family == DecoderFamily::mpt_7b && pass.layers_run() == network.layers()) {
    if (!model.final_norm().defined()) {
      throw Error("this model has no " + final_norm_name(DecoderFamily::mpt_7b) +
                  ": MPT-7b's last head is trained after that norm");
    }
    const auto normed = layer_norm(pass.hidden(network.layers() - 1), model.final_norm());
    out.last_normed = pooled(normed);
  }
  return out;
}

}  // namespace deer
