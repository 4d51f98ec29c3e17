// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/model_config.h"

#include <cmath>
#include <utility>

#include "core/base/error.h"

namespace deer {
namespace {

// Far above any model of these families; keeps products of sizes inside 64 bits.
constexpr std::int64_t kMaxWidth = 1 << 16;
constexpr std::int64_t kMaxLayers = 1024;
constexpr std::int64_t kMaxVocabulary = 1 << 20;

constexpr std::pair<const char*, DropoutMode> kDropoutModes[] = {
    {"layerwise", DropoutMode::layerwise}, {"last", DropoutMode::last}, {"wo_last", DropoutMode::wo_last}};

void refuse(const JsonFields& fields, const char* key, const char* what) {
  if (fields.boolean(key, false)) {
    throw FileError(fields.file(), std::string("'") + key + "' is on, but " + what +
                                       " is not supported: no published checkpoint uses it");
  }
}

void read_vision(const JsonFields& in, VisionConfig& out) {
  out.image_size = in.integer_in("image_size", 1, 4096);
  out.patch_size = in.integer_in("patch_size", 1, 4096);
  out.width = in.integer_in("width", 1, kMaxWidth);
  out.layers = in.integer_in("layers", 1, kMaxLayers);
  out.heads = in.integer_in("heads", 1, kMaxWidth);
  out.mlp_width = std::llround(static_cast<double>(out.width) * in.number("mlp_ratio", 4.0));
  out.quick_gelu = in.boolean("quick_gelu", true);
}

void read_perceiver(const JsonFields& in, PerceiverConfig& out) {
  out.dim = in.integer_in("dim", 1, kMaxWidth);
  out.depth = in.integer_in("depth", 1, kMaxLayers);
  out.heads = in.integer("heads", 8);
  out.dim_head = in.integer("dim_head", 64);
  out.latents = in.integer("num_latents", 64);
  out.ff_mult = in.integer("ff_mult", 4);
}

void read_cross_attention(const JsonFields& in, CrossAttentionConfig& out) {
  out.every_n_layers = in.integer_in("every_n_layers", 1, kMaxLayers);
  out.heads = in.integer("heads", 8);
  out.dim_head = in.integer("dim_head", 64);
  out.ff_mult = in.integer("ff_mult", 4);
  if (!in.boolean("only_attend_immediate_media", true)) {
    in.fail("only_attend_immediate_media", "true (the only form that published checkpoints use)");
  }
}

void read_head(const JsonFields& in, ActionHeadConfig& out) {
  if (const auto type = in.text("type", "deterministic"); type != "deterministic") {
    in.fail("type",
            "'deterministic'; Gaussian and diffusion heads are not supported: no published checkpoint uses them");
  }
  if (const auto type = in.text("decoder_type", "lstm"); type != "lstm") {
    in.fail("decoder_type", "'lstm'; FC, GPT and diffusion heads are not supported: no published checkpoint uses them");
  }
  out.hidden_size = in.integer_in("lstm_hidden_size", 1, kMaxWidth);
  out.lstm_layers = in.integer_in("lstm_num_layers", 1, 64);
  out.lstm_layernorm = in.boolean("lstm_layernorm", false);
  out.mlp_layernorm = in.boolean("mlp_layernorm", false);
  const auto hidden =
      in.has("mlp_hidden_dims") ? in.integers("mlp_hidden_dims") : std::vector<std::int64_t>{1024, 512, 256};
  out.dropout_mode = DropoutMode::wo_last;  // as in the reference for any other value
  for (const auto& [name, mode] : kDropoutModes) {
    if (in.text("dropout_mode", "wo_last") == name) out.dropout_mode = mode;
  }
  // This mode always builds three hidden layers, whatever the number.
  const auto used = out.dropout_mode == DropoutMode::wo_last ? 3 : in.integer("mlp_num_hidden_layers", 3);
  if (used < 1 || used > static_cast<std::int64_t>(hidden.size())) {
    in.fail("mlp_num_hidden_layers", "1 to " + std::to_string(hidden.size()) + " (the widths in mlp_hidden_dims)");
  }
  out.mlp_hidden.assign(hidden.begin(), hidden.begin() + used);
  out.exit_dropout = in.number("exit_dropout", 0);
  out.lstm_dropout = in.number("lstm_dropout", 0);
  out.pooling = in.text("pooling", "max") == "max" ? Pooling::max : Pooling::average;
  if (in.integer("out_features", 6) != 6) in.fail("out_features", "6 (several steps per prediction are not supported)");
}

void read_tokens(const JsonFields& in, ModelConfig& out) {
  const char* rows = in.has("embedding_rows_after_resize") ? "embedding_rows_after_resize" : "length";
  out.decoder.vocabulary = in.integer_in(rows, 1, kMaxVocabulary);
  out.tokens.end_of_text = in.integer("eos", 0);
  out.tokens.end_of_chunk = in.integer("endofchunk");
  out.tokens.image = in.integer("image");
  out.tokens.pad = in.integer("pad");
  out.tokens.max_length = in.integer("max_length", 32);
}

// Sizes also come from tensor shapes and checkpoint fields, which can hold anything: all are bounded here, before they
// are used to divide, loop or allocate.
void check_sizes(const ModelConfig& c, const std::filesystem::path& source) {
  struct Size {
    const char* name;
    std::int64_t value;
    std::int64_t largest;
  };
  for (const Size& size : {Size{"vision.image_size", c.vision.image_size, 4096},
                           {"vision.patch_size", c.vision.patch_size, 4096},
                           {"vision.width", c.vision.width, kMaxWidth},
                           {"vision.layers", c.vision.layers, kMaxLayers},
                           {"vision.heads", c.vision.heads, kMaxWidth},
                           {"vision MLP width", c.vision.mlp_width, 64 * kMaxWidth},
                           {"perceiver.dim", c.perceiver.dim, kMaxWidth},
                           {"perceiver.depth", c.perceiver.depth, kMaxLayers},
                           {"perceiver.heads", c.perceiver.heads, kMaxWidth},
                           {"perceiver.dim_head", c.perceiver.dim_head, kMaxWidth},
                           {"perceiver.num_latents", c.perceiver.latents, kMaxWidth},
                           {"perceiver.ff_mult", c.perceiver.ff_mult, kMaxWidth},
                           {"cross_attention.every_n_layers", c.cross_attention.every_n_layers, kMaxLayers},
                           {"cross_attention.heads", c.cross_attention.heads, kMaxWidth},
                           {"cross_attention.dim_head", c.cross_attention.dim_head, kMaxWidth},
                           {"cross_attention.ff_mult", c.cross_attention.ff_mult, kMaxWidth},
                           {"llm.d_model", c.decoder.d_model, kMaxWidth},
                           {"llm.n_heads", c.decoder.heads, kMaxWidth},
                           {"llm.mlp_ratio", c.decoder.mlp_ratio, kMaxWidth},
                           {"early_exit_layer + 1", c.decoder.layers, kMaxLayers},
                           {"tokenizer.length", c.decoder.vocabulary, kMaxVocabulary},
                           {"tokenizer.max_length", c.tokens.max_length, kMaxWidth},
                           {"exit_interval", c.exit_interval, kMaxLayers},
                           {"head.lstm_hidden_size", c.head.hidden_size, kMaxWidth},
                           {"head.lstm_num_layers", c.head.lstm_layers, 64}}) {
    if (size.value < 1 || size.value > size.largest) {
      throw FileError(source, std::string("'") + size.name + "' is " + std::to_string(size.value) + ", expected 1 to " +
                                  std::to_string(size.largest));
    }
  }
  if (c.head.mlp_hidden.empty()) throw FileError(source, "'head.mlp_hidden_dims' is empty");
  for (const auto width : c.head.mlp_hidden) {
    if (width < 1 || width > kMaxWidth) {
      throw FileError(source, "'head.mlp_hidden_dims' has the width " + std::to_string(width) + ", expected 1 to " +
                                  std::to_string(kMaxWidth));
    }
  }
}

}  // namespace

std::vector<int> exit_layers(int interval, int layers) {
  std::vector<int> out;
  for (int layer = interval - 1; layer < layers - 1; layer += interval) out.push_back(layer);
  if (layers > 0) out.push_back(layers - 1);
  return out;
}

std::vector<int> ModelConfig::exit_layers() const {
  const auto layers = static_cast<int>(decoder.layers);
  return multi_exit ? deer::exit_layers(static_cast<int>(exit_interval), layers) : std::vector<int>{layers - 1};
}

void apply_llm_config(const JsonFields& llm, DecoderConfig& config) {
  const auto type = llm.text("model_type", "mosaic_gpt");
  if (type == "mosaic_gpt") {
    config.family = DecoderFamily::mpt_1b;
  } else if (type == "mpt") {
    config.family = DecoderFamily::mpt_7b;
  } else {
    llm.fail("model_type", "'mosaic_gpt' (MPT-1b) or 'mpt' (MPT-7b)");
  }
  config.d_model = llm.integer_in("d_model", 1, kMaxWidth);
  config.heads = llm.integer_in("n_heads", 1, kMaxWidth);
  config.mlp_ratio = llm.integer(llm.has("expansion_ratio") ? "expansion_ratio" : "mlp_ratio", 4);
  if (llm.has("no_bias") && !llm.boolean("no_bias", true)) llm.fail("no_bias", "true");

  // MPT-7b has attention options in a separate block, without the prefix.
  const bool nested = llm.has("attn_config");
  const auto attention = nested ? llm.object("attn_config") : llm;
  const auto key = [&](const char* plain, const char* prefixed) { return nested ? plain : prefixed; };
  if (!attention.boolean("alibi", false)) attention.fail("alibi", "true");
  config.alibi_bias_max = attention.number("alibi_bias_max", 8);
  config.qk_layernorm = attention.boolean(key("qk_ln", "attn_qk_ln"), false);
  config.softmax_scale = attention.number("softmax_scale", 0);
  if (attention.has(key("clip_qkv", "attn_clip_qkv"))) attention.fail(key("clip_qkv", "attn_clip_qkv"), "null");
  if (attention.boolean("prefix_lm", false)) attention.fail("prefix_lm", "false");
  if (attention.boolean("attn_uses_sequence_id", false)) attention.fail("attn_uses_sequence_id", "false");
  if (nested && attention.text("attn_type", "multihead_attention") != "multihead_attention") {
    attention.fail("attn_type", "'multihead_attention'");
  }
}

namespace {

// Folders of other policies have a config.json too: Hugging Face's names model_type, LeRobot's type.
void refuse_other_policies(const JsonFields& root) {
  if (root.has("vision") && root.has("head")) return;
  for (const char* key : {"model_type", "type"}) {
    const auto& json = root.json();
    const auto field = json.find(key);
    if (field == json.end() || !field->is_string()) continue;
    throw FileError(root.file(), "this is the configuration of a model of type '" +
                                     printable(field->get<std::string>()) +
                                     "'; Deerscope runs DeeR's models. Record other policies from Python and open the "
                                     "trace (docs/python.md)");
  }
}

}  // namespace

ModelConfig read_model_config(const std::filesystem::path& file) { return parse_model_config(read_json(file), file); }

ModelConfig parse_model_config(const Json& json, const std::filesystem::path& file) {
  const JsonFields root(file, json);
  refuse_other_policies(root);
  ModelConfig config;
  read_vision(root.object("vision"), config.vision);
  read_perceiver(root.object("perceiver"), config.perceiver);
  read_cross_attention(root.object("cross_attention"), config.cross_attention);
  apply_llm_config(root.object("llm"), config.decoder);
  read_tokens(root.object("tokenizer"), config);
  read_head(root.object("head"), config.head);

  refuse(root, "use_state", "the robot's state as an input");
  refuse(root, "sep_resampler", "a separate resampler for the gripper camera");
  refuse(root, "residual", "the residual decoder");
  refuse(root, "share_exit", "one head shared by all exits (share_exit)");
  if (!root.boolean("use_gripper", true)) root.fail("use_gripper", "true (published checkpoints use both cameras)");
  if (const auto mode = root.text("fusion_mode", "post"); mode != "post") root.fail("fusion_mode", "'post'");
  if (root.has("sep_lm_head") && !root.boolean("sep_lm_head", true)) root.fail("sep_lm_head", "true");

  // early_exit_layer is the deepest layer that is kept, zero-based.
  config.decoder.layers = root.integer_in("early_exit_layer", 0, kMaxLayers - 1) + 1;
  config.multi_exit = root.boolean("multi_exit", true);
  config.exit_interval = root.integer("exit_interval", 1);
  config.llm_name = root.text("llm_name", "");
  config.name = root.text("name", "");
  config.note = root.text("note", "");
  if (root.has("suggested_thresholds")) config.suggested_thresholds = root.numbers("suggested_thresholds");
  config.check(file);
  return config;
}

void ModelConfig::check(const std::filesystem::path& source) const {
  const auto require = [&](bool ok, const std::string& problem) {
    if (!ok) throw FileError(source, problem);
  };
  check_sizes(*this, source);
  require(vision.image_size % vision.patch_size == 0, "'vision.image_size' " + std::to_string(vision.image_size) +
                                                          " is not a multiple of 'vision.patch_size' " +
                                                          std::to_string(vision.patch_size));
  require(vision.width % vision.heads == 0, "'vision.width' " + std::to_string(vision.width) +
                                                " is not a multiple of 'vision.heads' " + std::to_string(vision.heads));
  require(perceiver.dim == vision.width, "'perceiver.dim' is " + std::to_string(perceiver.dim) +
                                             ", expected 'vision.width' " + std::to_string(vision.width));
  require(decoder.d_model % decoder.heads == 0, "'llm.d_model' " + std::to_string(decoder.d_model) +
                                                    " is not a multiple of 'llm.n_heads' " +
                                                    std::to_string(decoder.heads));
  for (const auto& [id, name] : {std::pair{tokens.end_of_text, "eos"},
                                 {tokens.end_of_chunk, "endofchunk"},
                                 {tokens.image, "image"},
                                 {tokens.pad, "pad"}}) {
    require(id >= 0 && id < decoder.vocabulary, std::string("'tokenizer.") + name + "' is " + std::to_string(id) +
                                                    ", expected 0 to " + std::to_string(decoder.vocabulary - 1));
  }
  if (head.dropout_mode == DropoutMode::wo_last) {
    require(head.mlp_hidden.size() == 3, "'head.mlp_num_hidden_layers' is " + std::to_string(head.mlp_hidden.size()) +
                                             ", expected 3 with this 'dropout_mode'");
  }
  require(suggested_thresholds.empty() || suggested_thresholds.size() == exit_layers().size(),
          "'suggested_thresholds' has " + std::to_string(suggested_thresholds.size()) + " values, expected " +
              std::to_string(exit_layers().size()) + " (one per exit)");
}

const char* to_string(DecoderFamily family) { return family == DecoderFamily::mpt_1b ? "MPT-1b" : "MPT-7b"; }

Json to_json(const ModelConfig& c) {
  const char* dropout_mode = "wo_last";
  for (const auto& [name, mode] : kDropoutModes) {
    if (mode == c.head.dropout_mode) dropout_mode = name;
  }
  Json llm = {{"d_model", c.decoder.d_model}, {"n_heads", c.decoder.heads}};
  const Json scale = c.decoder.softmax_scale > 0 ? Json(c.decoder.softmax_scale) : Json(nullptr);
  if (c.decoder.family == DecoderFamily::mpt_1b) {
    llm.update({{"model_type", "mosaic_gpt"},
                {"mlp_ratio", c.decoder.mlp_ratio},
                {"alibi", true},
                {"alibi_bias_max", c.decoder.alibi_bias_max},
                {"attn_qk_ln", c.decoder.qk_layernorm},
                {"softmax_scale", scale}});
  } else {
    llm.update({{"model_type", "mpt"},
                {"expansion_ratio", c.decoder.mlp_ratio},
                {"attn_config",
                 {{"alibi", true},
                  {"alibi_bias_max", c.decoder.alibi_bias_max},
                  {"qk_ln", c.decoder.qk_layernorm},
                  {"softmax_scale", scale}}}});
  }
  Json out = {{"llm_name", c.llm_name},
              {"vision",
               {{"image_size", c.vision.image_size},
                {"patch_size", c.vision.patch_size},
                {"width", c.vision.width},
                {"layers", c.vision.layers},
                {"heads", c.vision.heads},
                {"mlp_ratio", static_cast<double>(c.vision.mlp_width) / static_cast<double>(c.vision.width)},
                {"quick_gelu", c.vision.quick_gelu}}},
              {"perceiver",
               {{"dim", c.perceiver.dim},
                {"depth", c.perceiver.depth},
                {"heads", c.perceiver.heads},
                {"dim_head", c.perceiver.dim_head},
                {"num_latents", c.perceiver.latents},
                {"ff_mult", c.perceiver.ff_mult}}},
              {"cross_attention",
               {{"every_n_layers", c.cross_attention.every_n_layers},
                {"heads", c.cross_attention.heads},
                {"dim_head", c.cross_attention.dim_head},
                {"ff_mult", c.cross_attention.ff_mult}}},
              {"llm", llm},
              {"tokenizer",
               {{"length", c.decoder.vocabulary},
                {"eos", c.tokens.end_of_text},
                {"endofchunk", c.tokens.end_of_chunk},
                {"image", c.tokens.image},
                {"pad", c.tokens.pad},
                {"max_length", c.tokens.max_length}}},
              {"early_exit_layer", c.decoder.layers - 1},
              {"multi_exit", c.multi_exit},
              {"exit_interval", c.exit_interval},
              {"head",
               {{"type", "deterministic"},
                {"decoder_type", "lstm"},
                {"lstm_hidden_size", c.head.hidden_size},
                {"lstm_num_layers", c.head.lstm_layers},
                {"lstm_layernorm", c.head.lstm_layernorm},
                {"mlp_layernorm", c.head.mlp_layernorm},
                {"mlp_hidden_dims", c.head.mlp_hidden},
                {"mlp_num_hidden_layers", c.head.mlp_hidden.size()},
                {"dropout_mode", dropout_mode},
                {"exit_dropout", c.head.exit_dropout},
                {"lstm_dropout", c.head.lstm_dropout},
                {"pooling", c.head.pooling == Pooling::max ? "max" : "average"}}}};
  if (!c.name.empty()) out["name"] = c.name;
  if (!c.note.empty()) out["note"] = c.note;
  if (!c.suggested_thresholds.empty()) out["suggested_thresholds"] = c.suggested_thresholds;
  return out;
}

}  // namespace deer
