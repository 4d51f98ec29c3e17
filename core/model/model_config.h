// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/json_file.h"

namespace deer {

/// CLIP's image tower (OpenAI CLIP; open_clip 2.20). QuickGELU is x * sigmoid(1.702 x).
struct VisionConfig {
  std::int64_t image_size = 224;  ///< pixels, square
  std::int64_t patch_size = 14;
  std::int64_t width = 1024;
  std::int64_t layers = 24;
  std::int64_t heads = 16;
  std::int64_t mlp_width = 4096;
  bool quick_gelu = true;

  std::int64_t patches() const { return (image_size / patch_size) * (image_size / patch_size); }
};

/// Perceiver resampler (OpenFlamingo): patch tokens of one camera to a fixed number of latents.
struct PerceiverConfig {
  std::int64_t dim = 1024;
  std::int64_t depth = 6;
  std::int64_t heads = 8;
  std::int64_t dim_head = 64;
  std::int64_t latents = 64;
  std::int64_t ff_mult = 4;
};

/// Gated cross-attention of the text to both cameras' latents, before every n-th decoder layer.
struct CrossAttentionConfig {
  std::int64_t every_n_layers = 1;
  std::int64_t heads = 8;
  std::int64_t dim_head = 64;
  std::int64_t ff_mult = 4;

  bool before_layer(std::int64_t layer) const { return (layer + 1) % every_n_layers == 0; }
};

enum class DecoderFamily {
  mpt_1b,  ///< MosaicGPT: q and k LayerNorm, ALiBi slopes 2^-(8(h+1)/H) for any H
  mpt_7b,  ///< MPT: slopes of the next power of two, odd entries first
};

struct DecoderConfig {
  DecoderFamily family = DecoderFamily::mpt_1b;
  std::int64_t d_model = 2048;
  std::int64_t heads = 16;
  std::int64_t layers = 12;  ///< kept in memory
  std::int64_t mlp_ratio = 4;
  std::int64_t vocabulary = 50280;  ///< rows of the embedding table = tokenizer length
  double alibi_bias_max = 8;
  double softmax_scale = 0;  ///< 0: 1 / sqrt(d_model / heads)
  bool qk_layernorm = true;
};

enum class Pooling { max, average };

/// Position of dropout in training, which determines the numbers in the MLP's parameter names.
enum class DropoutMode { layerwise, last, wo_last };

/// The LSTM action head.
struct ActionHeadConfig {
  std::int64_t hidden_size = 1024;
  std::int64_t lstm_layers = 4;
  bool lstm_layernorm = false;
  bool mlp_layernorm = false;
  std::vector<std::int64_t> mlp_hidden{1024, 512, 256};  ///< widths in use
  DropoutMode dropout_mode = DropoutMode::wo_last;
  double exit_dropout = 0;  ///< in the MLPs, in training; whether it is > 0 also affects parameter names
  double lstm_dropout = 0;  ///< between LSTM layers, in training
  Pooling pooling = Pooling::max;
};

struct TokenIds {
  std::int64_t end_of_text = 0;
  std::int64_t end_of_chunk = 50277;
  std::int64_t image = 50278;
  std::int64_t pad = 50279;
  std::int64_t max_length = 32;
};

/// Every size needed to build the network, for the "3B" (MPT-1b) and "9B" (MPT-7b) families.
struct ModelConfig {
  VisionConfig vision;
  PerceiverConfig perceiver;
  CrossAttentionConfig cross_attention;
  DecoderConfig decoder;
  ActionHeadConfig head;
  TokenIds tokens;
  std::int64_t exit_interval = 2;
  bool multi_exit = true;
  /// The model was truncated: its last exit was an internal one when the heads were trained.
  bool last_exit_is_internal = false;
  std::string llm_name;                      ///< "mpt_dolly_3b", "mpt_9b", …; may be empty
  std::string name;                          ///< display name; empty: the folder's name
  std::string note;                          ///< note for the user
  std::vector<double> suggested_thresholds;  ///< one per exit, or empty

  /// Layers (zero-based) after which exits sit, the last kept layer included.
  std::vector<int> exit_layers() const;

  /// Checks that sizes are positive, plausible and consistent. Throws FileError naming `source` and the field.
  void check(const std::filesystem::path& source) const;
};

/// Exits after every `interval`-th of `layers` layers, and after the last one.
std::vector<int> exit_layers(int interval, int layers);

/// Reads config.json of a model folder. Throws FileError naming the field; options that no published
/// checkpoint uses (state input, separate resampler, residual, other heads) are refused.
ModelConfig read_model_config(const std::filesystem::path& file);
/// The same from its content; `file` is named in errors.
ModelConfig parse_model_config(const Json& json, const std::filesystem::path& file);

/// Applies an LLM's own config.json (Hugging Face, model_type "mosaic_gpt" or "mpt") to `config`.
void apply_llm_config(const JsonFields& llm, DecoderConfig& config);

/// The same content as config.json, for `deer convert`.
Json to_json(const ModelConfig& config);

const char* to_string(DecoderFamily family);

}  // namespace deer
