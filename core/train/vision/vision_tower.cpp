// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/vision/vision_tower.h"

#include <cmath>
#include <cstring>

#include "core/base/error.h"
#include "core/model/weights/tensor_archive.h"
#include "core/train/base/map_weights.h"
#include "core/train/data/chunked_file.h"
#include "core/train/vision/resampler_pretraining.h"

namespace deer {
namespace {

constexpr const char* kConfigField = "vision_config";

Json config_json(const VisionConfig& config) {
  return {{"image_size", config.image_size}, {"patch_size", config.patch_size}, {"width", config.width},
          {"layers", config.layers},         {"heads", config.heads},           {"mlp_width", config.mlp_width},
          {"quick_gelu", config.quick_gelu}};
}

VisionConfig read_config(const std::filesystem::path& path, const Json& json) {
  const JsonFields fields(path, json, kConfigField);
  constexpr std::int64_t kLargest = 1 << 20;
  VisionConfig out;
  out.image_size = fields.integer_in("image_size", 1, 4096);
  out.patch_size = fields.integer_in("patch_size", 1, out.image_size);
  out.width = fields.integer_in("width", 1, kLargest);
  out.layers = fields.integer_in("layers", 1, 1000);
  out.heads = fields.integer_in("heads", 1, out.width);
  out.mlp_width = fields.integer_in("mlp_width", 1, kLargest);
  out.quick_gelu = fields.boolean("quick_gelu", true);
  if (out.width % out.heads != 0) fields.fail("heads", "a divisor of the width " + std::to_string(out.width));
  return out;
}

std::uint64_t hash_tower(const VisionConfig& config, const std::map<std::string, at::Tensor>& tensors) {
  ContentHash hash;
  hash.add(config_json(config).dump());
  for (const auto& [name, tensor] : tensors) {
    const auto plain = tensor.contiguous();
    hash.add(name);
    hash.add(plain.data_ptr(), static_cast<std::size_t>(plain.nbytes()));
  }
  return hash.value();
}

}  // namespace

std::vector<ParameterSpec> vision_tower_specs(const VisionConfig& config) {
  using Start = ParameterSpec::Start;
  const auto width = config.width;
  const double attention = 1 / std::sqrt(static_cast<double>(width));
  const double projection = attention / std::sqrt(2.0 * static_cast<double>(config.layers));
  const double mlp = 1 / std::sqrt(2.0 * static_cast<double>(width));
  const double patch = 1 / std::sqrt(3.0 * 3.0 * static_cast<double>(config.patch_size * config.patch_size));
  std::vector<ParameterSpec> out;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape, Start start, double deviation = 0,
                       bool decays = false) {
    out.push_back({kVisionPrefix + name, std::move(shape), start, deviation, decays});
  };
  const auto add_norm = [&](const std::string& name) {
    add(name + ".weight", {width}, Start::ones);
    add(name + ".bias", {width}, Start::zeros);
  };
  add("conv1.weight", {width, 3, config.patch_size, config.patch_size}, Start::normal, patch, true);
  add("class_embedding", {width}, Start::normal, attention);
  add("positional_embedding", {config.patches() + 1, width}, Start::normal, attention);
  add_norm("ln_pre");
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const auto block = "transformer.resblocks." + std::to_string(i) + ".";
    add_norm(block + "ln_1");
    add(block + "attn.in_proj_weight", {3 * width, width}, Start::normal, attention, true);
    add(block + "attn.in_proj_bias", {3 * width}, Start::zeros);
    add(block + "attn.out_proj.weight", {width, width}, Start::normal, projection, true);
    add(block + "attn.out_proj.bias", {width}, Start::zeros);
    add_norm(block + "ln_2");
    add(block + "mlp.c_fc.weight", {config.mlp_width, width}, Start::normal, mlp, true);
    add(block + "mlp.c_fc.bias", {config.mlp_width}, Start::zeros);
    add(block + "mlp.c_proj.weight", {width, config.mlp_width}, Start::normal, projection, true);
    add(block + "mlp.c_proj.bias", {width}, Start::zeros);
  }
  return out;
}

VisionEncoder make_vision_tower(const VisionConfig& config, const std::map<std::string, at::Tensor>& tensors,
                                at::ScalarType dtype, const std::filesystem::path& source) {
  const MapWeights weights(tensors, source);
  WeightBinder binder(weights, at::kCPU, dtype);
  VisionEncoder out(config, binder, kVisionPrefix);
  binder.finish();
  return out;
}

void save_vision_tower(const std::filesystem::path& path, const VisionConfig& config,
                       const std::map<std::string, at::Tensor>& tensors, std::map<std::string, std::string> metadata) {
  metadata[kConfigField] = config_json(config).dump();
  write_safetensors(path, tensors, metadata);
}

SavedTower freeze_vision_tower(const VisionConfig& config, const std::map<std::string, at::Tensor>& tensors,
                               const std::filesystem::path& source) {
  SavedTower out;
  out.config = config;
  for (const auto& [name, tensor] : tensors) {
    const auto copy = [&tensor = tensor] { return tensor.detach().to(at::kCPU, at::kFloat).clone(); };
    if (name.starts_with(kVisionPrefix)) out.tensors[name] = copy();
    if (name.starts_with(kResamplerPrefix)) out.resampler[name] = copy();
  }
  make_vision_tower(config, out.tensors, at::kFloat, source);  // throws if they do not match
  out.hash = hash_tower(config, out.tensors);
  return out;
}

SavedTower load_vision_tower(const std::filesystem::path& path) {
  const auto archive = TensorArchive::open(path);
  const JsonFields fields(path, archive->fields(), "__metadata__");
  const auto config = read_config(path, parse_json(fields.text(kConfigField), path));
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, entry] : archive->entries()) {
    if (name.starts_with(kVisionPrefix) || name.starts_with(kResamplerPrefix)) tensors[name] = archive->read(name);
  }
  return freeze_vision_tower(config, tensors, path);
}

}  // namespace deer
