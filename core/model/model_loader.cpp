// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/model_loader.h"

#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/lfs_pointer.h"
#include "core/model/device.h"
#include "core/model/text/tokenizer.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

std::string megabytes(std::int64_t bytes) { return std::to_string((bytes + 999'999) / 1'000'000) + " MB"; }

// The number in "prefix<number>.rest".
std::optional<std::int64_t> number_after(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc{} || end == name.data() + name.size() || *end != '.') return std::nullopt;
  return number;
}

// Known parts of the files that the policy does not use: CLIP's text tower, the final norm of the
// language model, its output layer, layers beyond the kept ones and heads of exits beyond them.
bool is_expected_surplus(const std::string& name, const ModelConfig& config) {
  for (const char* prefix :
       {"vision_encoder.transformer.", "vision_encoder.token_embedding.", "vision_encoder.ln_final.",
        "vision_encoder.visual.ln_post.", "vision_encoder.visual.proj", "lang_encoder.transformer.ln_f.",
        "lang_encoder.transformer.norm_f.", "lang_encoder.lm_head.", "lang_encoder.transformer.wpe."}) {
    if (name.starts_with(prefix)) return true;
  }
  for (const char* exact :
       {"vision_encoder.positional_embedding", "vision_encoder.text_projection", "vision_encoder.logit_scale",
        "vision_encoder.input_resolution", "vision_encoder.context_length", "vision_encoder.vocab_size"}) {
    if (name == exact) return true;
  }
  if (const auto layer = number_after(name, "lang_encoder.transformer.blocks.")) return *layer >= config.decoder.layers;
  if (const auto exit = number_after(name, "lm_exit_modules.")) {
    const auto internal =
        static_cast<std::int64_t>(config.exit_layers().size()) - (config.last_exit_is_internal ? 0 : 1);
    return *exit >= internal;
  }
  return config.last_exit_is_internal && name.starts_with("lm_head.");
}

// Whether a network can use a tensor of this name. Others may be as large as they like.
bool is_of_the_network(const std::string& name) {
  for (const char* prefix :
       {"vision_encoder.", "perceiver.", "lang_encoder.", "lm_exit_modules.", "lm_head.", "extra_exit."}) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}

bool is_of_a_head(const std::string& name) {
  return name.starts_with("lm_exit_modules.") || name.starts_with("lm_head.") || name.starts_with("extra_exit.");
}

constexpr std::int64_t kImpossible = std::int64_t{1} << 55;  // elements; more than any memory

std::int64_t stored_parameters(const WeightSource& source, const ModelConfig& config, ModelParts parts) {
  std::int64_t count = 0;
  for (const auto& name : source.names()) {
    if (is_expected_surplus(name, config) || !is_of_the_network(name)) continue;
    if (parts == ModelParts::heads && !is_of_a_head(name)) continue;
    // A view with stride 0 can claim any shape.
    std::int64_t product = 1;
    for (const auto size : source.shape(name).value_or(std::vector<std::int64_t>{0})) {
      if (__builtin_mul_overflow(product, size, &product)) product = kImpossible;
    }
    if (__builtin_add_overflow(count, product, &count) || count > kImpossible) return kImpossible;
  }
  return count;
}

// Keeps the layers below `max_layer` up to the deepest exit among them. The remaining exits keep their trained heads.
ModelConfig cut(ModelConfig config, int max_layer) {
  const auto exits = config.exit_layers();
  const auto allowed = std::count_if(exits.begin(), exits.end(), [&](int layer) { return layer < max_layer; });
  if (allowed == 0) {
    throw Error("max layer " + std::to_string(max_layer) + " allows no exit: the first one is after layer " +
                std::to_string(exits.front()));
  }
  if (static_cast<std::size_t>(allowed) < exits.size()) {
    config.decoder.layers = exits[static_cast<std::size_t>(allowed) - 1] + 1;
    config.last_exit_is_internal = true;
    if (!config.suggested_thresholds.empty()) config.suggested_thresholds.resize(static_cast<std::size_t>(allowed));
  }
  return config;
}

}  // namespace

ModelFiles open_model_files(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) throw FileError(path, "does not exist");
  if (!fs::is_directory(path, error)) {
    refuse_lfs_pointer(path);
    const auto folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    if (path.filename() == "config.json") return open_model_files(folder);
    if (path.extension() == ".safetensors") {
      auto config = read_model_config(folder / "config.json");
      return {std::move(config), whole_model_source(TensorArchive::open(path))};
    }
    throw FileError(path,
                    "is not a model folder (expected a folder with config.json and model.safetensors, or the "
                    "published files: clip.pt, mpt/, openflamingo.pt and a .pth checkpoint)");
  }
  const bool whole = fs::exists(path / "model.safetensors") || fs::exists(path / "model.safetensors.index.json");
  if (whole && fs::exists(path / "config.json")) {
    auto config = read_model_config(path / "config.json");
    return {std::move(config), whole_model_source(TensorArchive::open(path))};
  }
  if (find_published_pieces(path)) return open_published_model(path);
  if (whole) throw FileError(path, "contains weights but no config.json with the network's sizes");
  std::string found = fs::is_empty(path, error) ? " (it is empty)" : "";
  throw FileError(path, "contains no model" + found +
                            ": expected config.json and model.safetensors, or the published files "
                            "clip.pt, mpt/, openflamingo.pt and a .pth checkpoint; if they are in several places: "
                            "deer convert OUT --clip FILE --llm FOLDER --flamingo FILE --checkpoint FILE");
}

ModelFiles open_published_model(const fs::path& folder) {
  const auto pieces = find_published_pieces(folder);
  if (!pieces) {
    throw FileError(
        folder, "does not contain the published files: expected clip.pt, mpt/, openflamingo.pt and a .pth checkpoint");
  }
  std::string note;
  auto config = fs::exists(folder / "config.json") ? read_model_config(folder / "config.json")
                                                   : config_from_pieces(*pieces, &note);
  auto source = published_source(*pieces, config.decoder.vocabulary);
  if (!pieces->other_checkpoints.empty()) {
    note += (note.empty() ? "checkpoint " : "; checkpoint ") + pieces->checkpoint.filename().string() + ", not " +
            pieces->other_checkpoints.back().filename().string() + " (deer convert --checkpoint takes another)";
  }
  const auto places = tokenizer_places(folder);
  const auto beside = (fs::is_directory(pieces->llm) ? pieces->llm : pieces->llm.parent_path()) / "tokenizer.json";
  const bool elsewhere = std::find(places.begin(), places.end(), beside) == places.end() && fs::exists(beside);
  return {std::move(config), std::move(source), elsewhere ? beside : fs::path(), std::move(note)};
}

LoadedModel load_model(const ModelFiles& files, const LoadOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const auto config = options.max_layer ? cut(files.config, *options.max_layer) : files.config;
  const auto total = stored_parameters(*files.weights, config, options.parts);
  const auto device = resolve_device(options.device);
  const auto dtype = resolve_dtype(options.dtype, device, total);

  // Weights used in their stored type are mapped from the file, but running the model needs them in memory too.
  const auto needed = total * static_cast<std::int64_t>(c10::elementSize(dtype));
  if (const auto free = available_memory_bytes(); device.is_cpu() && free >= 0 && needed > free) {
    throw OutOfMemory("the model needs " + megabytes(needed) + " of memory in " + dtype_name(dtype) + ", but " +
                      megabytes(free) + " are free; try a smaller max layer or bfloat16");
  }

  const c10::NoGradGuard no_grad;
  WeightBinder binder(*files.weights, device, dtype);
  binder.on_parameter = [&](const std::string&) {
    if (options.stop.stop_requested()) throw Cancelled();
    if (options.progress) options.progress(binder.parameters(), total);
  };
  LoadedModel out;
  try {
    out.model = std::make_unique<MultiExitModel>(config, binder, device, dtype, options.parts);
  } catch (const c10::OutOfMemoryError& error) {
    throw OutOfMemory("the model needs " + megabytes(needed) + " on " + device_label(device) + " in " +
                      dtype_name(dtype) +
                      ", which does not have enough free: " + printable(error.what_without_backtrace(), 300) +
                      "; try a smaller max layer, bfloat16, or the CPU");
  }
  binder.finish([&](const std::string& name) { return is_expected_surplus(name, config); });
  synchronize(device);
  out.parameters = binder.parameters();
  out.weight_bytes = binder.bytes();
  for (auto& name : binder.unused()) {
    if (options.parts == ModelParts::heads && !is_of_a_head(name)) continue;
    if (!is_expected_surplus(name, files.config) && !is_expected_surplus(name, config))
      out.unused.push_back(std::move(name));
  }
  out.load_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return out;
}

void convert_model(const ModelFiles& files, const fs::path& folder, std::optional<at::ScalarType> dtype,
                   const std::function<void(std::int64_t, std::int64_t)>& progress) {
  // Building the network checks that nothing is missing or has the wrong shape before anything is written.
  LoadOptions options;
  options.device = "cpu";
  options.dtype = "float32";
  load_model(files, options);
  std::map<std::string, at::Tensor> tensors;
  const auto names = files.weights->names();
  const auto shared = static_cast<std::int64_t>(names.size());
  for (const auto& name : names) {
    if (is_expected_surplus(name, files.config)) continue;
    if (auto tensor = files.weights->find(name)) {
      const bool rounds = dtype && at::isFloatingType(tensor->scalar_type());
      tensors[name] = rounds ? tensor->to(*dtype) : std::move(*tensor);
    }
    if (progress) progress(static_cast<std::int64_t>(tensors.size()), shared);
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw FileError(folder, "cannot create this folder: " + error.message());
  write_safetensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
  write_file_atomically(folder / "config.json", to_json(files.config).dump(1) + "\n");
}

}  // namespace deer
