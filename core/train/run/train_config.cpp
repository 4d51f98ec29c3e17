// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/run/train_config.h"

#include <algorithm>
#include <limits>

#include "core/base/error.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();

// Unread fields are misspelt ones.
void refuse_unknown(const JsonFields& in, const std::vector<std::string>& known) {
  for (const auto& [key, value] : in.json().items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string list;
    for (const auto& name : known) list += (list.empty() ? "" : ", ") + name;
    in.fail(key.c_str(), "one of these fields instead: " + list);
  }
}

void read(const JsonFields& in, const char* key, std::int64_t low, std::int64_t& out, std::int64_t high = kMost) {
  if (in.has(key)) out = in.integer_in(key, low, high);
}

void read(const JsonFields& in, const char* key, std::int64_t low, int& out, std::int64_t high = kMost) {
  if (in.has(key)) out = static_cast<int>(in.integer_in(key, low, high));
}

void read(const JsonFields& in, const char* key, double low, double& out, double high = 1e9) {
  out = in.number(key, out);
  if (!(out >= low && out <= high)) {
    Json limits = {low, high};
    in.fail(key, "a number from " + limits[0].dump() + " to " + limits[1].dump());
  }
}

void read(const JsonFields& in, const char* key, std::uint64_t& out) {
  if (in.has(key)) out = static_cast<std::uint64_t>(in.integer_in(key, 0, std::numeric_limits<std::int64_t>::max()));
}

fs::path beside(const fs::path& file, const std::string& path) {
  return (file.parent_path() / path).lexically_normal();
}

void read_data(const JsonFields& in, TrainConfig& out) {
  refuse_unknown(in, {"sources", "store", "window", "validation_share", "balance_tasks", "task_weight", "phrasings",
                      "token_variants", "static_shift", "gripper_shift", "augment", "relabel_share"});
  const auto& json = in.json();
  if (in.has("sources")) {
    if (!json["sources"].is_array()) in.fail("sources", "a list of folders");
    for (const auto& source : json["sources"]) {
      if (!source.is_string()) in.fail("sources", "a list of folders");
      out.sources.push_back(beside(out.file, source.get<std::string>()));
    }
  }
  if (in.has("store")) out.store = beside(out.file, in.text("store"));
  if (out.sources.empty() && !in.has("store")) in.fail("sources", "a list of folders with CALVIN recordings");
  read(in, "window", 2, out.windows.window, 4096);
  read(in, "relabel_share", 0.0, out.windows.relabel_share, 1.0);
  read(in, "validation_share", 0.0, out.windows.validation_share, 0.9);
  out.windows.balance_tasks = in.boolean("balance_tasks", false);
  out.windows.augment = in.boolean("augment", true);
  if (in.has("task_weight")) {
    const auto weights = in.object("task_weight");
    for (const auto& [task, weight] : weights.json().items()) {
      read(weights, task.c_str(), 0.0, out.windows.task_weight[task]);
    }
  }
  if (in.has("phrasings")) {
    const auto phrasings = in.object("phrasings");
    for (const auto& [task, list] : phrasings.json().items()) {
      const auto is_text = [](const Json& item) { return item.is_string(); };
      if (!list.is_array() || !std::all_of(list.begin(), list.end(), is_text)) {
        phrasings.fail(task.c_str(), "a list of texts");
      }
      out.windows.phrasings[task] = list.get<std::vector<std::string>>();
    }
  }
  read(in, "token_variants", 0, out.token_variants, 64);
  read(in, "static_shift", 0, out.token_static_shift, 256);
  read(in, "gripper_shift", 0, out.token_gripper_shift, 256);
  if (in.has("static_shift")) out.windows.static_shift = out.token_static_shift;
  if (in.has("gripper_shift")) out.windows.gripper_shift = out.token_gripper_shift;
}

void read_model(const JsonFields& in, TrainConfig& out) {
  refuse_unknown(in, {"start", "config", "gate", "tokenizer"});
  if (in.has("start") == in.has("config")) {
    in.fail(in.has("start") ? "start" : "config",
            "either 'start', a model folder to start from, or 'config', the new model's sizes");
  }
  if (in.has("tokenizer")) out.tokenizer = beside(out.file, in.text("tokenizer"));
  if (in.has("start")) out.start = beside(out.file, in.text("start"));
  if (in.has("config")) {
    out.model =
        in.json()["config"].is_string() ? read_json(beside(out.file, in.text("config"))) : in.object("config").json();
  }
  read(in, "gate", -10.0, out.init.gate, 10.0);
}

VisionPretrainingOptions read_vision(const JsonFields& in) {
  refuse_unknown(
      in, {"stage", "steps", "frames_per_step", "learning_rate", "weight_decay", "warmup_steps", "gradient_norm",
           "static_shift", "gripper_shift", "brightness", "contrast", "colour", "validation_share", "validation_frames",
           "validate_every", "frames_per_pass", "resampler", "patch_weight"});
  VisionPretrainingOptions out;
  read(in, "steps", 1, out.steps);
  read(in, "frames_per_step", 1, out.frames_per_step);
  read(in, "learning_rate", 0.0, out.learning_rate);
  read(in, "weight_decay", 0.0, out.weight_decay);
  read(in, "warmup_steps", 0, out.warmup_steps);
  read(in, "gradient_norm", 0.0, out.gradient_norm);
  read(in, "static_shift", 0, out.static_shift, 256);
  read(in, "gripper_shift", 0, out.gripper_shift, 256);
  read(in, "brightness", 0.0, out.brightness, 1.0);
  read(in, "contrast", 0.0, out.contrast, 1.0);
  read(in, "colour", 0.0, out.colour, 1.0);
  read(in, "validation_share", 0.0, out.validation_share, 0.9);
  read(in, "validation_frames", 1, out.validation_frames);
  read(in, "validate_every", 1, out.validate_every);
  read(in, "frames_per_pass", 1, out.frames_per_pass);
  read(in, "patch_weight", 0.0, out.patch_weight);
  // Its sizes come from the model.
  if (in.boolean("resampler", false)) out.resampler.emplace();
  return out;
}

ObjectLatentsOptions read_latents_stage(const JsonFields& in) {
  refuse_unknown(in, {"stage", "steps", "frames_per_step", "learning_rate", "weight_decay", "warmup_steps"});
  ObjectLatentsOptions out;
  read(in, "steps", 1, out.steps);
  read(in, "frames_per_step", 1, out.frames_per_step);
  read(in, "learning_rate", 0.0, out.learning_rate);
  read(in, "weight_decay", 0.0, out.weight_decay);
  read(in, "warmup_steps", 1, out.warmup_steps);
  return out;
}

StageOptions read_stage(const JsonFields& in, TrainingStage kind) {
  refuse_unknown(in, {"stage",
                      "name",
                      "steps",
                      "epochs",
                      "batch",
                      "windows_per_part",
                      "learning_rate",
                      "exit_lr_scale",
                      "weight_decay",
                      "exit_decay",
                      "scale_learning_rate",
                      "schedule",
                      "warmup_steps",
                      "final_rate",
                      "schedule_steps",
                      "gradient_norm",
                      "train_decoder",
                      "train_resampler",
                      "average_decay",
                      "gripper_weight",
                      "padding_in_pooling",
                      "locate"});
  StageOptions out;
  out.stage = kind;
  out.name = in.text("name", in.text("stage"));
  if (out.name.find_first_of(",\"\n") != std::string::npos) in.fail("name", "a name without commas and quotes");
  if (in.has("steps") == in.has("epochs")) in.fail("steps", "either 'steps' or 'epochs'");
  read(in, "steps", 1, out.steps);
  if (in.has("epochs")) read(in, "epochs", 1e-6, out.epochs);
  read(in, "batch", 1, out.batch, 1 << 20);
  read(in, "windows_per_part", 1, out.windows_per_part, 1 << 20);
  read(in, "learning_rate", 0.0, out.groups.learning_rate, 10.0);
  read(in, "exit_lr_scale", 0.0, out.groups.head_scale, 1000.0);
  read(in, "weight_decay", 0.0, out.groups.weight_decay, 10.0);
  if (in.boolean("scale_learning_rate", false)) {
    out.groups.learning_rate = scaled_learning_rate(out.groups.learning_rate, out.batch, 1);
  }
  out.groups.decay_heads = in.boolean("exit_decay", false);
  const auto schedule = in.text("schedule", "constant");
  if (schedule != "constant" && schedule != "cosine" && schedule != "linear") {
    in.fail("schedule", "'constant', 'cosine' or 'linear'");
  }
  out.schedule = parse_schedule(schedule);
  read(in, "warmup_steps", 0, out.warmup_steps);
  read(in, "final_rate", 0.0, out.final_rate, 1.0);
  read(in, "schedule_steps", 1, out.schedule_steps);
  read(in, "gradient_norm", 1e-9, out.gradient_norm);
  out.train_decoder = in.boolean("train_decoder", false);
  out.train_resampler = in.boolean("train_resampler", true);
  out.locate = in.boolean("locate", false);
  read(in, "average_decay", 0.0, out.average_decay, 0.999999);
  read(in, "gripper_weight", 0.0, out.gripper_weight);
  out.padding = in.boolean("padding_in_pooling", false) ? PaddingInPooling::included : PaddingInPooling::excluded;
  return out;
}

}  // namespace

TrainConfig read_train_config(const fs::path& file) {
  const Json json = read_json(file);
  const JsonFields root(file, json);
  refuse_unknown(
      root, {"output", "seed", "device", "dtype", "workers", "data", "model", "stages", "log_every", "validate_every",
             "validation_windows", "save_every_steps", "save_every_s", "tensorboard", "reference_checkpoint"});
  TrainConfig out;
  out.file = file;
  out.output = beside(file, root.text("output"));
  out.store = out.output / "frames";
  out.device = root.text("device", "cpu");
  auto& training = out.training;
  read(root, "seed", training.seed);
  out.init.seed = training.seed;
  const auto dtype = root.text("dtype", "float32");
  if (dtype != "float32" && dtype != "bfloat16") {
    root.fail("dtype",
              "'float32' or 'bfloat16' (float16 is not supported: it needs loss scaling and has no advantage over "
              "bfloat16)");
  }
  training.dtype = dtype == "bfloat16" ? at::kBFloat16 : at::kFloat;
  read(root, "workers", 0, training.workers, 1024);
  read(root, "log_every", 1, training.log_every);
  read(root, "validate_every", 0, training.validate_every);
  read(root, "validation_windows", 1, training.validation_windows);
  read(root, "save_every_steps", 0, training.save_every_steps);
  read(root, "save_every_s", 0.0, training.save_every_s);
  training.tensorboard = root.boolean("tensorboard", false);
  training.reference_checkpoint = root.boolean("reference_checkpoint", false);

  read_data(root.object("data"), out);
  read_model(root.object("model"), out);

  if (!root.has("stages") || !json["stages"].is_array() || json["stages"].empty())
    root.fail("stages", "a list of stages");
  for (std::size_t i = 0; i < json["stages"].size(); ++i) {
    const JsonFields stage(file, json["stages"][i], "stages[" + std::to_string(i) + "]");
    const auto kind = stage.text("stage");
    if (kind == "vision") {
      if (i != 0) stage.fail("stage", "'vision' as the first stage");
      out.vision = read_vision(stage);
      out.vision->seed = training.seed;
      out.vision->workers = training.workers;
      out.vision->bfloat16 = training.dtype == at::kBFloat16;
      out.vision->log_every = training.log_every;
    } else if (kind == "latents") {
      if (i != 1 || !out.vision) stage.fail("stage", "'latents' after a stage 'vision'");
      out.latents = read_latents_stage(stage);
      out.latents->seed = training.seed;
      out.latents->workers = training.workers;
    } else if (kind == "joint" || kind == "exit") {
      training.stages.push_back(read_stage(stage, kind == "joint" ? TrainingStage::joint : TrainingStage::exit));
      const auto same = [&](const StageOptions& other) { return other.name == training.stages.back().name; };
      if (std::count_if(training.stages.begin(), training.stages.end(), same) > 1) {
        stage.fail("name", "a unique name");
      }
    } else {
      stage.fail("stage", "'vision', 'latents', 'joint' or 'exit'");
    }
  }
  return out;
}

}  // namespace deer
