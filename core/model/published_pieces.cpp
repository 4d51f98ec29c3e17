// SPDX-License-Identifier: GPL-3.0-or-later
// Assembly of a model from the published files.
#include <algorithm>
#include <array>
#include <charconv>
#include <regex>

#include "core/base/error.h"
#include "core/model/weights.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

// "blocks.12.rest" -> (12, "rest").
std::optional<std::pair<std::int64_t, std::string>> split_block(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end == name.data() + name.size() || *end != '.') return std::nullopt;
  return std::pair{number, std::string(end + 1, name.data() + name.size())};
}

constexpr std::string_view kBlocks = "lang_encoder.transformer.blocks.";
constexpr std::string_view kVision = "vision_encoder.";
constexpr std::string_view kLanguage = "lang_encoder.";
constexpr std::string_view kEmbedding = "lang_encoder.transformer.wte.weight";

class PublishedSource final : public WeightSource {
 public:
  PublishedSource(const PublishedPieces& pieces, std::int64_t vocabulary)
      : path_(pieces.checkpoint.parent_path()),
        vocabulary_(vocabulary),
        clip_(TensorArchive::open(pieces.clip)),
        llm_(TensorArchive::open(pieces.llm)),
        flamingo_(TensorArchive::open(pieces.flamingo)),
        checkpoint_(with_training_names(TensorArchive::open(pieces.checkpoint))) {}

  std::optional<at::Tensor> find(const std::string& name) const override {
    const auto place = locate(name);
    if (!place) return std::nullopt;
    auto tensor = place->archive->read(place->name);
    if (name == kEmbedding && tensor.dim() == 2 && tensor.size(0) > vocabulary_)
      tensor = tensor.narrow(0, 0, vocabulary_);
    return tensor;
  }

  std::optional<std::vector<std::int64_t>> shape(const std::string& name) const override {
    const auto place = locate(name);
    if (!place) return std::nullopt;
    auto shape = place->archive->entries().at(place->name).shape;
    if (name == kEmbedding && shape.size() == 2) shape[0] = std::min(shape[0], vocabulary_);
    return shape;
  }

  std::set<std::string> names() const override {
    std::set<std::string> out;
    for (const auto& [name, entry] : clip_->entries()) out.insert(std::string(kVision) + name);
    for (const auto& [name, entry] : llm_->entries()) out.insert(assembled_llm_name(name));
    for (const auto& [name, entry] : flamingo_->entries()) out.insert(first_name(name));
    for (const auto& [name, entry] : checkpoint_->entries()) {
      if (name.starts_with("module.")) out.insert(first_name(name.substr(7)));
    }
    return out;
  }

  const fs::path& path() const override { return path_; }

 private:
  struct Place {
    const TensorArchive* archive;
    std::string name;
  };

  // The trained checkpoint takes precedence over OpenFlamingo, which takes precedence over the base models.
  std::optional<Place> locate(const std::string& name) const {
    for (const auto& alias : aliases(name)) {
      if (checkpoint_->contains("module." + alias)) return Place{checkpoint_.get(), "module." + alias};
    }
    for (const auto& alias : aliases(name)) {
      if (flamingo_->contains(alias)) return Place{flamingo_.get(), alias};
    }
    if (name.starts_with(kVision)) {
      auto inner = name.substr(kVision.size());
      if (clip_->contains(inner)) return Place{clip_.get(), std::move(inner)};
    } else if (name.starts_with(kLanguage)) {
      auto inner = base_llm_name(name);
      if (llm_->contains(inner)) return Place{llm_.get(), std::move(inner)};
    }
    return std::nullopt;
  }

  // A parameter has two possible names; both occur in checkpoints. The first takes precedence.
  static std::vector<std::string> aliases(const std::string& name) {
    std::vector<std::string> out{name};
    if (const auto block = split_block(name, kBlocks)) {
      const auto number = std::to_string(block->first);
      for (const auto& [first, second] :
           {std::pair{"decoder_layer.", "lang_encoder.old_decoder_blocks."},
            std::pair{"gated_cross_attn_layer.", "lang_encoder.gated_cross_attn_layers."}}) {
        if (block->second.starts_with(first)) {
          out.push_back(second + number + "." + block->second.substr(std::string_view(first).size()));
        }
      }
    }
    return out;
  }

  static std::string first_name(const std::string& name) {
    for (const auto& [second, first] :
         {std::pair{"lang_encoder.old_decoder_blocks.", "decoder_layer."},
          std::pair{"lang_encoder.gated_cross_attn_layers.", "gated_cross_attn_layer."}}) {
      if (const auto block = split_block(name, second)) {
        return std::string(kBlocks) + std::to_string(block->first) + "." + first + block->second;
      }
    }
    return name;
  }

  static std::string base_llm_name(const std::string& name) {
    if (const auto block = split_block(name, kBlocks)) {
      constexpr std::string_view kInner = "decoder_layer.";
      if (block->second.starts_with(kInner)) {
        return "transformer.blocks." + std::to_string(block->first) + "." + block->second.substr(kInner.size());
      }
      return {};  // cross-attention is not in the base model
    }
    return name.substr(kLanguage.size());
  }

  static std::string assembled_llm_name(const std::string& name) {
    if (const auto block = split_block(name, "transformer.blocks.")) {
      return std::string(kBlocks) + std::to_string(block->first) + ".decoder_layer." + block->second;
    }
    return std::string(kLanguage) + name;
  }

  fs::path path_;
  std::int64_t vocabulary_;
  std::shared_ptr<const TensorArchive> clip_;
  std::shared_ptr<const TensorArchive> llm_;
  std::shared_ptr<const TensorArchive> flamingo_;
  std::shared_ptr<const TensorArchive> checkpoint_;
};

std::int64_t dimension(const TensorArchive& archive, const std::string& name, std::size_t axis) {
  const auto it = archive.entries().find(name);
  if (it == archive.entries().end()) throw FileError(archive.path(), "tensor '" + name + "' is missing");
  if (axis >= it->second.shape.size()) throw FileError(archive.path(), "tensor '" + name + "' has too few dimensions");
  return it->second.shape[axis];
}

std::int64_t count_numbered(const TensorArchive& archive, std::string_view prefix) {
  std::int64_t count = 0;
  for (const auto& [name, entry] : archive.entries()) {
    if (const auto block = split_block(name, prefix)) count = std::max(count, block->first + 1);
  }
  return count;
}

std::int64_t field(const Json& fields, const char* key, std::int64_t fallback) {
  return fields.contains(key) && fields[key].is_number_integer() ? fields[key].get<std::int64_t>() : fallback;
}
double real_field(const Json& fields, const char* key, double fallback) {
  return fields.contains(key) && fields[key].is_number() ? fields[key].get<double>() : fallback;
}
bool flag(const Json& fields, const char* key, bool fallback) {
  return fields.contains(key) && fields[key].is_boolean() ? fields[key].get<bool>() : fallback;
}
std::string word(const Json& fields, const char* key, const char* fallback) {
  return fields.contains(key) && fields[key].is_string() ? fields[key].get<std::string>() : fallback;
}

// The options of the action head's MLP that give its layers these numbers (see ActionHead): `linear` of the linear
// layers, the output last.
void mlp_options(const std::vector<std::int64_t>& linear, bool has_norm, Json& out) {
  const auto hidden = static_cast<std::int64_t>(linear.size()) - 1;
  const auto first = linear.front(), last = linear.back();
  out["layernorm"] = has_norm;
  out["dropout_mode"] = "wo_last";
  if (first == 1 && last == 4 * hidden + 1) out["dropout_mode"] = "layerwise";
  if (first == 0 && last == 3 * hidden + 1) out["dropout_mode"] = "last";
  // Only whether there is any matters, and only to the names.
  constexpr double kSome = 0.1;
  out["exit_dropout"] = first == 1 ? kSome : 0.0;
}

// What the options would have said, from the names of the tensors: for a state dict that was saved without them.
Json options_of_tensors(const TensorArchive& checkpoint) {
  std::int64_t layers = 0, exits = 0, lstm_layers = 0;
  std::vector<std::int64_t> linear;
  bool mlp_norm = false;
  const bool lstm_norm = checkpoint.contains("module.lm_head.rnn.layers.0.weight_hh_l0");
  for (const auto& [name, entry] : checkpoint.entries()) {
    for (const char* prefix :
         {"module.lang_encoder.transformer.blocks.", "module.lang_encoder.gated_cross_attn_layers.",
          "module.lang_encoder.old_decoder_blocks."}) {
      if (const auto block = split_block(name, prefix)) layers = std::max(layers, block->first + 1);
    }
    if (const auto exit = split_block(name, "module.lm_exit_modules.")) exits = std::max(exits, exit->first + 1);
    if (const auto layer = split_block(name, "module.lm_head.rnn.layers."))
      lstm_layers += layer->second == "weight_hh_l0";
    if (!lstm_norm && name.starts_with("module.lm_head.rnn.weight_hh_l")) ++lstm_layers;
    if (const auto part = split_block(name, "module.lm_head.actions.mlp."); part && part->second == "weight") {
      if (entry.shape.size() == 2) linear.push_back(part->first);
      mlp_norm = mlp_norm || entry.shape.size() == 1;
    }
  }
  if (layers < 1 || linear.size() < 2) throw FileError(checkpoint.path(), "holds neither options nor a trained head");
  std::sort(linear.begin(), linear.end());
  Json out = {{"early_exit_layer", layers - 1},
              {"multi_exit", exits > 0},
              {"exit_interval", layers % (exits + 1) == 0 ? layers / (exits + 1) : 1},
              {"lstm_layernorm", lstm_norm},
              {"lstm_num_layers", lstm_layers}};
  mlp_options(linear, mlp_norm, out);
  return out;
}

// Head options and depth as DeeR's training stored them; defaults as its evaluation assumes.
void options_of_checkpoint(const TensorArchive& checkpoint, const CheckpointName& name, ModelConfig& out,
                           std::string* note) {
  Json fields = checkpoint.fields();
  if (!fields.contains("early_exit_layer") && !fields.contains("exit_interval")) {
    const auto inferred = options_of_tensors(checkpoint);
    std::string names;
    for (const auto& [key, value] : inferred.items()) {
      names += (names.empty() ? "" : ", ") + key + " " + value.dump();
      fields[key] = value;
    }
    if (note != nullptr) {
      *note =
          "the checkpoint holds no options; from its tensors: " + names + " (a config.json beside it overrides them)";
    }
  }
  const auto refuse = [&](const std::string& what) {
    throw FileError(checkpoint.path(), what + " is not supported: no published checkpoint uses it");
  };
  if (const auto type = word(fields, "head_type", "deterministic"); type != "deterministic")
    refuse("head type '" + type + "'");
  if (flag(fields, "share_exit", false)) refuse("one head shared by all exits (share_exit)");
  if (!name.unsupported.empty()) refuse("option '" + name.unsupported.front() + "' in the checkpoint's name");

  auto deepest = field(fields, "early_exit_layer", -1);
  if (deepest < 0) deepest += out.decoder.family == DecoderFamily::mpt_1b ? 24 : 32;
  out.decoder.layers = deepest + 1;
  out.multi_exit = flag(fields, "multi_exit", false);
  out.exit_interval = field(fields, "exit_interval", 1);

  auto& head = out.head;
  head.exit_dropout = real_field(fields, "exit_dropout", 0);
  head.lstm_dropout = real_field(fields, "lstm_dropout", 0);
  const auto mode = word(fields, "dropout_mode", "wo_last");
  head.dropout_mode = mode == "layerwise" ? DropoutMode::layerwise
                      : mode == "last"    ? DropoutMode::last
                                          : DropoutMode::wo_last;
  head.mlp_layernorm = flag(fields, "layernorm", flag(fields, "mlp_layernorm", false));
  head.lstm_layernorm = flag(fields, "lstm_layernorm", false);
  head.lstm_layers = field(fields, "lstm_num_layers", 4);
  head.pooling = word(fields, "pooling", "max") == "max" ? Pooling::max : Pooling::average;
  const auto rnn = head.lstm_layernorm ? "module.lm_head.rnn.layers.0.weight_hh_l0" : "module.lm_head.rnn.weight_hh_l0";
  head.hidden_size = dimension(checkpoint, rnn, 1);

  // Widths of the MLP from its linear layers (rank 2), in order, the output layer left out.
  std::map<std::int64_t, std::int64_t> widths;
  for (const auto& [tensor, entry] : checkpoint.entries()) {
    const auto part = split_block(tensor, "module.lm_head.actions.mlp.");
    if (part && part->second == "weight" && entry.shape.size() == 2) widths[part->first] = entry.shape[0];
  }
  if (widths.size() < 2) throw FileError(checkpoint.path(), "tensors 'module.lm_head.actions.mlp.*' are missing");
  if (widths.rbegin()->second != 6) refuse("predicting several steps at once");
  head.mlp_hidden.clear();
  for (const auto& [number, width] : widths) head.mlp_hidden.push_back(width);
  head.mlp_hidden.pop_back();
}

}  // namespace

std::shared_ptr<const WeightSource> published_source(const PublishedPieces& pieces, std::int64_t vocabulary) {
  return std::make_shared<PublishedSource>(pieces, vocabulary);
}

VisionConfig vision_config_of(const TensorArchive& clip) {
  VisionConfig out;
  out.width = dimension(clip, "visual.conv1.weight", 0);
  out.patch_size = dimension(clip, "visual.conv1.weight", 2);
  const auto positions = dimension(clip, "visual.positional_embedding", 0) - 1;
  std::int64_t side = 1;
  while (side < 4096 && side * side < positions) ++side;
  out.image_size = side * out.patch_size;
  out.layers = count_numbered(clip, "visual.transformer.resblocks.");
  out.mlp_width = dimension(clip, "visual.transformer.resblocks.0.mlp.c_fc.weight", 0);
  out.heads = std::max<std::int64_t>(out.width / 64, 1);
  if (out.patch_size < 1 || out.patch_size > 4096 || out.width < 1 || out.layers < 1 || out.layers > 1024 ||
      side * side != positions) {
    throw FileError(clip.path(), "is not a CLIP image tower: its patches, positions or layers have impossible sizes");
  }
  return out;
}

CheckpointName parse_checkpoint_name(const std::string& path) {
  CheckpointName out;
  for (const char* name : {"mpt_3b", "mpt_4b", "mpt_9b", "mpt_dolly_3b", "mpt_base_4b"}) {
    if (path.find(name) != std::string::npos) {
      out.llm_name = name;
      break;
    }
  }
  const auto numbers = [&](const char* pattern) {
    std::smatch match;
    std::vector<int> found;
    if (std::regex_search(path, match, std::regex(pattern))) {
      for (std::size_t i = 1; i < match.size(); ++i) found.push_back(std::stoi(match[i].str()));
    }
    return found;
  };
  if (const auto pad = numbers(R"(aug_(\d{1,6})_(\d{1,6}))"); pad.size() == 2) {
    out.rgb_pad = pad[0];
    out.gripper_pad = pad[1];
  }
  if (const auto window = numbers(R"((?:^|_)ws_(\d{1,6}))"); window.size() == 1) out.window_size = window[0];
  if (const auto window = numbers(R"(difws_(\d{1,6})_(\d{1,6}))"); window.size() == 2) out.window_size = window[1];
  // The reference searches for substrings in the whole path; only the file name is searched here, because a
  // folder called "separate" or "real_robot" is unrelated to the network.
  const auto file = fs::path(path).filename().string();
  const auto has_word = [&](const char* word) {
    return std::regex_search(file, std::regex(std::string("(?:^|_)") + word + "(?:_|\\.|$)"));
  };
  for (const char* option : {"state", "sep", "res", "tcp", "gpt", "no_image_patch", "fc", "diffusion"}) {
    if (has_word(option)) out.unsupported.emplace_back(option);
  }
  if (const auto steps = numbers(R"((?:^|_)(\d{1,6})_step)"); steps.size() == 1 && steps[0] != 1) {
    out.unsupported.push_back(std::to_string(steps[0]) + "_step");
  }
  if (const auto latents = numbers(R"((?:^|_)latent_(\d{1,6}))"); latents.size() == 1 && latents[0] != 1) {
    out.unsupported.push_back("latent_" + std::to_string(latents[0]));
  }
  return out;
}

ModelConfig config_from_pieces(const PublishedPieces& pieces, std::string* note) {
  ModelConfig out;
  const auto llm_config =
      fs::is_directory(pieces.llm) ? pieces.llm / "config.json" : pieces.llm.parent_path() / "config.json";
  const Json json = read_json(llm_config);
  apply_llm_config(JsonFields(llm_config, json), out.decoder);

  const auto clip = TensorArchive::open(pieces.clip);
  const auto flamingo = TensorArchive::open(pieces.flamingo);
  const auto checkpoint = with_training_names(TensorArchive::open(pieces.checkpoint));
  auto name = parse_checkpoint_name(pieces.checkpoint.string());
  // A renamed checkpoint still contains its original name.
  if (name.llm_name.empty()) name = parse_checkpoint_name(word(checkpoint->fields(), kSavedName, ""));
  out.llm_name = name.llm_name;
  out.vision = vision_config_of(*clip);
  out.perceiver.dim = dimension(*flamingo, "perceiver.latents", 1);
  out.perceiver.latents = dimension(*flamingo, "perceiver.latents", 0);
  out.perceiver.depth = count_numbered(*flamingo, "perceiver.layers.");
  out.perceiver.heads = dimension(*flamingo, "perceiver.layers.0.0.to_q.weight", 0) / out.perceiver.dim_head;
  out.perceiver.ff_mult =
      dimension(*flamingo, "perceiver.layers.0.1.1.weight", 0) / std::max<std::int64_t>(out.perceiver.dim, 1);

  // The first layer with cross-attention determines the interval.
  std::int64_t first = -1;
  for (const auto& [tensor, entry] : flamingo->entries()) {
    const auto block = split_block(tensor, kBlocks);
    if (block && block->second == "gated_cross_attn_layer.attn.to_q.weight" && (first < 0 || block->first < first)) {
      first = block->first;
      out.cross_attention.heads = entry.shape.empty() ? 0 : entry.shape[0] / out.cross_attention.dim_head;
    }
  }
  if (first < 0)
    throw FileError(pieces.flamingo, "holds no gated cross-attention layers (expected an OpenFlamingo checkpoint)");
  out.cross_attention.every_n_layers = first + 1;

  const auto rows = dimension(*checkpoint, "module.lang_encoder.transformer.wte.weight", 0);
  out.decoder.vocabulary = rows;
  // DeeR adds <|endofchunk|>, <image> and <PAD> after the tokenizer's own tokens.
  out.tokens.end_of_chunk = rows - 3;
  out.tokens.image = rows - 2;
  out.tokens.pad = rows - 1;
  options_of_checkpoint(*checkpoint, name, out, note);
  out.check(pieces.checkpoint);
  return out;
}

}  // namespace deer
