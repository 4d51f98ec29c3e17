// SPDX-License-Identifier: GPL-3.0-or-later
// Parts tested without a complete model: CLIP tower, images, text, thresholds.
#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/budget/threshold_solver.h"
#include "core/model/device.h"
#include "core/model/image_preprocess.h"
#include "core/model/text/tokenizer_prompt.h"
#include "core/model/vision_encoder.h"
#include "core/parity/comparer.h"
#include "core/train/method/random_shift.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

Image to_image(const at::Tensor& rgb) {
  const auto plain = rgb.contiguous();
  Image image{static_cast<int>(plain.size(1)), static_cast<int>(plain.size(0)), {}};
  image.rgb.assign(plain.data_ptr<std::uint8_t>(), plain.data_ptr<std::uint8_t>() + plain.numel());
  return image;
}

// Keys "<stem><suffix>" of an archive, by stem.
std::vector<std::string> stems(const TensorArchive& archive, std::string_view suffix) {
  std::vector<std::string> out;
  for (const auto& [name, entry] : archive.entries()) {
    if (name.ends_with(suffix)) out.push_back(name.substr(0, name.size() - suffix.size()));
  }
  return out;
}

void compare_pictures(const fs::path& file, Comparer& comparer) {
  const auto golden = TensorArchive::open(file);
  std::set<std::string> inputs;
  for (const auto& stem : stems(*golden, ".rgb")) {
    inputs.insert(stem + ".rgb");
    const auto expected = golden->read(stem + ".output");
    const auto size = expected.size(-1);
    const auto ours = preprocess_image(to_image(golden->read(stem + ".rgb")), static_cast<int>(size));
    comparer.golden(*golden, stem + ".output", at::tensor(ours.planes, at::kFloat).view({3, size, size}), 1e-6);
    // Before normalisation both are integers and must be equal.
    const auto mean = at::tensor({0.48145466, 0.4578275, 0.40821073}, at::kDouble).view({3, 1, 1});
    const auto deviation = at::tensor({0.26862954, 0.26130258, 0.27577711}, at::kDouble).view({3, 1, 1});
    const auto bytes = ((expected.to(at::kDouble) * deviation + mean) * 255.0).round();
    const auto crop =
        at::tensor(at::ArrayRef<std::uint8_t>(ours.crop.rgb), at::kByte).view({size, size, 3}).permute({2, 0, 1});
    comparer.tensors(stem + ".bytes", crop, bytes, 0);
  }
  comparer.nothing_left_out(*golden, inputs);
}

void compare_shifts(const fs::path& file, Comparer& comparer) {
  const auto golden = TensorArchive::open(file);
  std::set<std::string> inputs;
  for (const auto& stem : stems(*golden, ".input")) {
    // "pad10": the padding is in the name.
    std::int64_t padding = 0;
    for (const char c : stem) {
      if (c >= '0' && c <= '9' && padding < 10'000) padding = padding * 10 + (c - '0');
    }
    const auto input = golden->read(stem + ".input");
    inputs.insert(stem + ".input");
    for (const char* form : {"window", "frame"}) {
      const auto name = stem + "." + form;
      if (!golden->contains(name + "_shift")) continue;
      inputs.insert(name + "_shift");
      const auto expected = golden->read(name + "_output");
      // The per-frame form was made on the first window of the input only.
      auto images = input;
      while (images.dim() > expected.dim()) images = images[0];
      const auto flat = images.reshape({-1, images.size(-3), images.size(-2), images.size(-1)}).contiguous();
      const auto shift = golden->read(name + "_shift").reshape({-1, 2}).contiguous();
      comparer.golden(*golden, name + "_output", shift_images(flat, shift, padding).view(expected.sizes()), kTolerance);
    }
  }
  comparer.nothing_left_out(*golden, inputs);
}

template <typename T>
void compare_list(Comparer& comparer, const std::string& name, const std::vector<T>& ours, const Json& golden) {
  const auto expected = golden.get<std::vector<T>>();
  std::string problem;
  if (ours != expected) problem = "ours " + Json(ours).dump() + ", golden " + golden.dump();
  comparer.condition(name, problem.empty(), problem, static_cast<std::int64_t>(expected.size()));
}

}  // namespace

bool compare_clip(const fs::path& folder, const ParityOptions& options, Comparer& comparer) {
  if (!fs::exists(folder / "golden.safetensors")) return false;
  fs::path archive_file;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".pt") archive_file = std::max(archive_file, entry.path());
  }
  if (archive_file.empty()) return false;
  const c10::NoGradGuard no_grad;
  const auto archive = TensorArchive::open(archive_file);
  const auto golden = TensorArchive::open(folder / "golden.safetensors");
  const auto config = vision_config_of(*archive);
  const auto device = resolve_device(options.device);
  const auto source = whole_model_source(archive);
  WeightBinder weights(*source, device, resolve_dtype(options.dtype, device, 0));
  const VisionEncoder encoder(config, weights, "visual.");
  weights.finish();
  const auto out = encoder.forward(golden->read("image").to(device), true);
  comparer.golden(*golden, "tokens", out.tokens, kTolerance);
  comparer.golden(*golden, "pooled", out.pooled, kTolerance);
  comparer.nothing_left_out(*golden, {"image"});
  return true;
}

bool compare_images(const fs::path& folder, Comparer& comparer) {
  const bool pictures = fs::exists(folder / "images.safetensors");
  const bool shifts = fs::exists(folder / "random_shift.safetensors");
  if (pictures) compare_pictures(folder / "images.safetensors", comparer);
  if (shifts) compare_shifts(folder / "random_shift.safetensors", comparer);
  return pictures || shifts;
}

bool compare_text(const fs::path& folder, Comparer& comparer) {
  const auto file = folder / "prompts.json";
  if (!fs::exists(file)) return false;
  fs::path vocabulary;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().ends_with("tokenizer.json")) vocabulary = std::max(vocabulary, entry.path());
  }
  if (vocabulary.empty()) throw FileError(folder, "contains prompts.json but no tokenizer.json");
  const Json json = read_json(file);
  const JsonFields fields(file, json);
  const PromptEncoder encoder(Tokenizer::load(vocabulary), static_cast<std::size_t>(fields.integer("max_length", 32)));
  const PromptEncoder untruncated(Tokenizer::load(vocabulary), 1'000'000);
  try {
    if (!json.contains("prompts") && !json.contains("batches"))
      throw FileError(file, "has neither 'prompts' nor 'batches'");
    if (json.contains("prompts")) {
      for (const Json& prompt : json["prompts"]) {
        const auto instruction = prompt.at("instruction").get<std::string>();
        const auto name = "'" + printable(instruction, 40) + "'";
        comparer.condition(name + " prompt",
                           PromptEncoder::prompt(instruction) == prompt.at("prompt").get<std::string>(),
                           "prompt differs");
        if (prompt.contains("ids_untruncated")) {
          compare_list(comparer, name + " ids", untruncated.encode(instruction), prompt["ids_untruncated"]);
        }
        const auto ids = encoder.encode(instruction);
        compare_list(comparer, name + " input_ids", ids, prompt.at("input_ids"));
        if (prompt.contains("attention_mask")) {
          compare_list(comparer, name + " attention_mask", std::vector<std::int64_t>(ids.size(), 1),
                       prompt["attention_mask"]);
        }
      }
    }
    if (json.contains("batches")) {
      int number = 0;
      for (const Json& golden : json["batches"]) {
        const auto instructions = golden.at("instructions").get<std::vector<std::string>>();
        const auto batch = encoder.encode(instructions);
        std::vector<std::int64_t> ids, mask;
        for (const Json& line : golden.at("input_ids"))
          for (const Json& id : line) ids.push_back(id.get<std::int64_t>());
        for (const Json& line : golden.at("attention_mask"))
          for (const Json& bit : line) mask.push_back(bit.get<std::int64_t>());
        const auto name = "batch " + std::to_string(number++);
        compare_list(comparer, name + " input_ids", batch.input_ids, Json(ids));
        compare_list(comparer, name + " attention_mask", batch.attention_mask, Json(mask));
      }
    }
  } catch (const Json::exception& error) {
    throw FileError(file, "a prompt is malformed: " + printable(error.what(), 200));
  }
  return true;
}

bool compare_thresholds(const fs::path& folder, Comparer& comparer) {
  const auto file = folder / "cases.json";
  if (!fs::exists(file) || !fs::exists(folder / "cases.safetensors")) return false;
  const Json cases = read_json(file);
  if (!cases.is_array()) throw FileError(file, "is not a list of cases");
  const auto tensors = TensorArchive::open(folder / "cases.safetensors");
  std::set<std::string> inputs;
  for (const Json& item : cases) {
    const JsonFields fields(file, item);
    const auto prefix = "case" + std::to_string(fields.integer("index")) + ".";
    const auto values = tensors->read(prefix + "values").to(at::kFloat).contiguous();
    inputs.insert(prefix + "values");
    std::vector<int> exit_layers;
    for (const auto layer : fields.integers("exit_layers")) exit_layers.push_back(static_cast<int>(layer));
    const auto allowed = exits_within(exit_layers, static_cast<int>(fields.integer("max_layer")));
    const bool skip_first = fields.text("model_name", "").find("mpt_9b") != std::string::npos;
    const auto shares = target_shares(parse_exit_distribution(fields.text("exit_dist")), fields.number("exit_ratio"),
                                      static_cast<std::int64_t>(allowed.size()), skip_first);
    const CalibrationValues calibration{
        {values.data_ptr<float>(), static_cast<std::size_t>(values.numel())}, values.size(0), values.size(1)};
    const auto ours = solve_thresholds(calibration, shares);
    comparer.golden(*tensors, prefix + "thresholds", at::tensor(ours, at::kFloat), 0,
                    prefix + "thresholds (" + fields.text("name", "") + ")");
    if (fields.has("threshold_layers")) {
      compare_list(comparer, prefix + "threshold_layers", std::vector<std::int64_t>(allowed.begin(), allowed.end()),
                   item["threshold_layers"]);
    }
  }
  comparer.nothing_left_out(*tensors, inputs);
  return true;
}

}  // namespace deer
