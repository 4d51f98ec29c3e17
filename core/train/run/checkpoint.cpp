// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/run/checkpoint.h"

#include <charconv>

#include "core/base/atomic_file.h"
#include "core/base/error.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "state.safetensors";
constexpr const char* kFormat = "deer-training-1";

void put(ParameterMap& out, const char* prefix, const ParameterMap& tensors) {
  for (const auto& [name, tensor] : tensors) out[prefix + name] = tensor.detach();
}

std::string text_field(const TensorArchive& archive, const char* key) {
  const auto& fields = archive.fields();
  if (!fields.contains(key) || !fields[key].is_string()) {
    throw FileError(archive.path(), std::string("is not a training state: it has no '") + key + "'");
  }
  return fields[key].get<std::string>();
}

std::int64_t number_field(const TensorArchive& archive, const char* key) {
  const auto text = text_field(archive, key);
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || out < 0) {
    throw FileError(archive.path(), std::string("'") + key + "' is '" + printable(text) + "', expected a number");
  }
  return out;
}

}  // namespace

void save_training_state(const fs::path& folder, const TrainingState& state) {
  ParameterMap all;
  put(all, "parameter.", state.parameters);
  put(all, "optimizer.", state.optimizer);
  put(all, "average.", state.average);
  write_safetensors(folder / kFile, all,
                    {{"format", kFormat},
                     {"run", state.run.dump()},
                     {"stage", std::to_string(state.stage)},
                     {"step", std::to_string(state.step)}});
}

std::optional<TrainingState> load_training_state(const fs::path& folder) {
  const auto file = folder / kFile;
  std::error_code error;
  if (!fs::exists(file, error)) return std::nullopt;
  const auto archive = TensorArchive::open(file);
  if (text_field(*archive, "format") != kFormat) throw FileError(file, "is not a training state of this program");
  TrainingState out;
  out.run = parse_json(text_field(*archive, "run"), file);
  out.stage = number_field(*archive, "stage");
  out.step = number_field(*archive, "step");
  const auto take = [&](const std::string& name, const std::string& prefix, ParameterMap& to) {
    if (name.starts_with(prefix)) to[name.substr(prefix.size())] = archive->read(name).clone();
  };
  for (const auto& [name, entry] : archive->entries()) {
    take(name, "parameter.", out.parameters);
    take(name, "optimizer.", out.optimizer);
    take(name, "average.", out.average);
  }
  return out;
}

void save_model(const fs::path& folder, const TrainableModel& model, const ParameterMap& average, bool half) {
  ParameterMap out;
  for (const auto& [name, parameter] : model.parameters()) {
    const auto it = average.find(name);
    const auto tensor = (it == average.end() ? parameter : it->second).detach();
    out[name] = half ? tensor.to(at::kHalf) : tensor;
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw FileError(folder, "cannot create this folder: " + error.message());
  write_safetensors(folder / "model.safetensors", out, {{"format", "pt"}});
  write_file_atomically(folder / "config.json", to_json(model.config()).dump(1) + "\n");
}

}  // namespace deer
