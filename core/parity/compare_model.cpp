// SPDX-License-Identifier: GPL-3.0-or-later
// The whole network: weights from both sources, every stage at step 0, every rollout of the episode.
#include <c10/core/GradMode.h>

#include <charconv>
#include <map>
#include <span>

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/budget/threshold_solver.h"
#include "core/exits/rollout.h"
#include "core/model/device.h"
#include "core/model/image_preprocess.h"
#include "core/model/model_loader.h"
#include "core/parity/comparer.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

// Number in "prefix<number>.rest"; -1 if `name` is not of that form.
int numbered(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return -1;
  int number = -1;
  std::from_chars(name.data() + prefix.size(), name.data() + name.size(), number);
  return number;
}

std::set<int> layers_named(const TensorArchive& golden, std::string_view prefix) {
  std::set<int> out;
  for (const auto& [name, entry] : golden.entries()) {
    if (const int layer = numbered(name, prefix); layer >= 0) out.insert(layer);
  }
  return out;
}

// Features of one frame, all layers computed beforehand.
class PrecomputedFeatures final : public FeatureSource {
 public:
  explicit PrecomputedFeatures(std::vector<at::Tensor> by_layer) : by_layer_(std::move(by_layer)) {}
  at::Tensor pooled(int layer) override { return by_layer_.at(static_cast<std::size_t>(layer)); }

 private:
  std::vector<at::Tensor> by_layer_;
};

at::Tensor row(std::span<const float, 6> values) {
  return at::tensor(at::ArrayRef<float>(values.data(), values.size()), at::kFloat);
}

// Collects the per-step numbers of a rollout in the golden files' shapes.
struct RolloutTensors {
  std::vector<at::Tensor> action, command, feature;
  std::vector<float> probability, logit;
  std::vector<std::int64_t> exit_layer;

  void add(const FrameRecord& record) {
    action.push_back(row(record.arm()));
    command.push_back(at::tensor(at::ArrayRef<float>(record.command.data(), record.command.size()), at::kFloat));
    probability.push_back(record.gripper_probability());
    logit.push_back(record.gripper_logit);
    exit_layer.push_back(record.exit_layer);
    const auto* taken = record.probe_at(record.exit_layer);
    // A repeated prediction has no feature of its own.
    if (taken != nullptr) {
      feature.push_back(at::tensor(taken->feature, at::kFloat));
    } else {
      feature.push_back(feature.back());
    }
  }
};

class ModelComparison {
 public:
  ModelComparison(const fs::path& folder, const ParityOptions& options, Comparer& comparer)
      : folder_(folder),
        options_(options),
        comparer_(comparer),
        inputs_(TensorArchive::open(folder / "inputs.safetensors")),
        outputs_(TensorArchive::open(folder / "outputs.safetensors")) {}

  void run() {
    load();
    compare_preprocessing();
    encode_episode();
    compare_first_step();
    require_golden_tensors();
    for (const int layer : layers_named(*outputs_, "fixed.layer")) compare_fixed(layer, false);
    for (const int layer : layers_named(*outputs_, "layerwise.layer")) compare_fixed(layer, true);
    if (fs::exists(folder_ / "dynamic.json")) {
      const Json runs = read_json(folder_ / "dynamic.json");
      if (!runs.is_array()) throw FileError(folder_ / "dynamic.json", "is not a list of runs");
      for (const Json& run : runs) compare_dynamic(JsonFields(folder_ / "dynamic.json", run));
    }
    compare_cached_values();
    comparer_.nothing_left_out(*outputs_);
  }

 private:
  void load() {
    LoadOptions load;
    load.device = options_.device;
    load.dtype = options_.dtype;
    const bool whole =
        fs::exists(folder_ / "model.safetensors") || fs::exists(folder_ / "model.safetensors.index.json");
    const bool pieces = find_published_pieces(folder_).has_value();
    if (!whole && !pieces)
      throw FileError(folder_, "contains golden outputs but neither model.safetensors nor the published files");
    if (whole && pieces) {
      compare_weights();
    } else {
      comparer_.not_compared("weights.published_pieces",
                             whole ? "the folder has no published files (clip.pt, mpt/, openflamingo.pt, a .pth)"
                                   : "the folder has no model.safetensors");
    }
    files_ = whole ? open_model_files(folder_) : open_published_model(folder_);
    model_ = load_model(files_, load).model;
  }

  // Both ways of loading must give identical numbers.
  void compare_weights() {
    const auto whole = open_model_files(folder_);
    const auto assembled = open_published_model(folder_);
    std::int64_t count = 0;
    std::string problem;
    for (const auto& name : whole.weights->names()) {
      const auto a = whole.weights->find(name);
      const auto b = assembled.weights->find(name);
      ++count;
      if (!b) {
        problem = name + " is missing from the published files";
      } else if (a->sizes() != b->sizes() || !at::equal(*a, b->to(a->scalar_type()))) {
        problem = name + " differs";
      }
      if (!problem.empty()) break;
    }
    comparer_.condition("weights.published_pieces", problem.empty(), problem, count);
    // The sizes must also be found without config.json, from the published files only, where CLIP's rule
    // for the number of heads and the published widths hold; what the file names say is compared here.
    const auto pieces = *find_published_pieces(folder_);
    const auto derived = config_from_pieces(pieces);
    const auto& told = whole.config;
    const bool same =
        derived.decoder.d_model == told.decoder.d_model && derived.decoder.heads == told.decoder.heads &&
        derived.decoder.layers == told.decoder.layers && derived.decoder.vocabulary == told.decoder.vocabulary &&
        derived.exit_layers() == told.exit_layers() && derived.vision.image_size == told.vision.image_size &&
        derived.vision.layers == told.vision.layers && derived.perceiver.depth == told.perceiver.depth &&
        derived.cross_attention.every_n_layers == told.cross_attention.every_n_layers &&
        derived.head.hidden_size == told.head.hidden_size && derived.head.mlp_hidden == told.head.mlp_hidden &&
        derived.head.lstm_layers == told.head.lstm_layers && derived.head.pooling == told.head.pooling &&
        derived.head.dropout_mode == told.head.dropout_mode;
    comparer_.condition("config.published_pieces", same,
                        "sizes derived from the published files differ from config.json");
  }

  void compare_preprocessing() {
    for (const char* camera : {"static", "gripper"}) {
      const auto raw_name = std::string("raw_") + camera;
      const auto golden_name = std::string("rgb_") + camera;
      if (!inputs_->contains(raw_name)) continue;
      const auto raw = inputs_->read(raw_name).contiguous();
      std::vector<at::Tensor> ours;
      const auto size = model_->config().vision.image_size;
      for (std::int64_t t = 0; t < raw.size(0); ++t) {
        const auto picture = raw[t].contiguous();
        Image image{static_cast<int>(picture.size(1)), static_cast<int>(picture.size(0)), {}};
        image.rgb.assign(picture.data_ptr<std::uint8_t>(), picture.data_ptr<std::uint8_t>() + picture.numel());
        ours.push_back(
            at::tensor(preprocess_image(image, static_cast<int>(size)).planes, at::kFloat).view({3, size, size}));
      }
      comparer_.tensors("preprocess." + std::string(camera), at::stack(ours),
                        inputs_->read(golden_name).narrow(0, 0, raw.size(0)), 1e-6);
    }
  }

  void encode_episode() {
    const auto to_device = [&](const char* name) { return inputs_->read(name).to(model_->device()); };
    static_ = to_device("rgb_static");
    gripper_ = to_device("rgb_gripper");
    steps_ = static_.size(0);
    text_ = model_->prepare_text(inputs_->read("input_ids").contiguous(), inputs_->read("attention_mask").contiguous());
    for (std::int64_t t = 0; t < steps_; ++t) {
      const auto images = at::cat({static_.narrow(0, t, 1), gripper_.narrow(0, t, 1)});
      const auto latents = model_->resampler().forward(model_->vision().forward(images).tokens);
      media_.push_back(MultiExitModel::join_media(latents.narrow(0, 0, 1), latents.narrow(0, 1, 1)));
      DecoderPass pass(*model_, text_, media_.back());
      std::vector<at::Tensor> by_layer;
      for (int layer = 0; layer < model_->layers(); ++layer) by_layer.push_back(pass.pooled(layer));
      features_.push_back(std::move(by_layer));
    }
  }

  void compare_first_step() {
    const auto compare = [&](const std::string& name, const at::Tensor& ours) {
      if (outputs_->contains(name)) comparer_.golden(*outputs_, name, ours, kTolerance);
    };
    for (const auto& [camera, images] : {std::pair{"static", &static_}, std::pair{"gripper", &gripper_}}) {
      const auto vision = model_->vision().forward(images->narrow(0, 0, 1), true);
      compare("vision." + std::string(camera) + ".tokens", vision.tokens[0]);
      compare("vision." + std::string(camera) + ".pooled", vision.pooled.defined() ? vision.pooled[0] : at::Tensor());
      compare("perceiver." + std::string(camera), model_->resampler().forward(vision.tokens)[0]);
    }
    compare("text.embedding", text_.embedding[0]);
    auto hidden = text_.embedding;
    for (int layer = 0; layer < model_->layers(); ++layer) {
      const auto out = model_->layer(layer).forward(hidden, media_.front(), text_.context);
      compare("cross_attention.layer" + std::to_string(layer), out.cross_attention[0]);
      compare("hidden.layer" + std::to_string(layer), out.hidden[0]);
      hidden = out.hidden;
    }
  }

  void compare_rollout(const std::string& prefix, const RolloutTensors& run, const Rollout& rollout) {
    const auto compare = [&](const char* name, const at::Tensor& ours, double tolerance) {
      if (outputs_->contains(prefix + name)) comparer_.golden(*outputs_, prefix + name, ours, tolerance);
    };
    compare("action", at::stack(run.action), kTolerance);
    compare("gripper_prob", at::tensor(run.probability, at::kFloat), kTolerance);
    compare("gripper_logit", at::tensor(run.logit, at::kFloat), kTolerance);
    compare("command", at::stack(run.command), kCommandTolerance);
    compare("feature", at::stack(run.feature), kTolerance);
    compare("final_h", rollout.state().h, kTolerance);
    compare("final_c", rollout.state().c, kTolerance);
  }

  void compare_fixed(int layer, bool own_head) {
    ExitPolicy policy;
    policy.criterion = Criterion::fixed_exit;
    policy.fixed_layer = layer;
    policy.use_own_head = own_head;
    Rollout rollout(*model_);
    rollout.set_policy(policy);
    RolloutTensors run;
    for (std::int64_t t = 0; t < steps_; ++t) {
      PrecomputedFeatures features(features_[static_cast<std::size_t>(t)]);
      run.add(rollout.step(features, RunMode::policy));
    }
    compare_rollout((own_head ? "layerwise.layer" : "fixed.layer") + std::to_string(layer) + ".", run, rollout);
  }

  void compare_dynamic(const JsonFields& fields) {
    const auto name = fields.text("name");
    const auto prefix = "dynamic." + name + ".";
    ExitPolicy policy;
    policy.delta_type = parse_delta_type(fields.text("threshold_type"));
    policy.steps_per_stage = static_cast<int>(fields.integer("steps_per_stage", 1));
    policy.action_ensemble = fields.boolean("use_action_ensemble", false);
    policy.max_layer = static_cast<int>(fields.integer("max_layer"));
    policy.leq = fields.boolean("leq", true);
    policy.executions = static_cast<int>(fields.integer("multi_execution", 1));
    policy.thresholds = fields.numbers("thresholds");
    const auto exit_layers = fields.integers("exit_layers");

    Rollout rollout(*model_);
    rollout.set_policy(policy);
    RolloutTensors run;
    std::vector<at::Tensor> delta, probe_action, probe_gripper, pseudo;
    const at::Tensor unknown = at::full({6}, kNotEvaluated, at::kFloat);
    for (std::int64_t t = 0; t < steps_; ++t) {
      // As in real use: the decoder stops where the rollout stops.
      DecoderPass pass(*model_, text_, media_[static_cast<std::size_t>(t)]);
      DecoderFeatures features(pass);
      const auto record = rollout.step(features, RunMode::policy);
      run.add(record);
      only_needed_layers_ran_ &= pass.layers_run() <= record.exit_layer + 1;
      const bool probed = record.reason != ExitReason::held && record.reason != ExitReason::repeated;
      std::vector<float> deltas, grippers;
      std::vector<at::Tensor> arms;
      for (const auto layer : exit_layers) {
        const auto* exit = probed ? record.probe_at(static_cast<int>(layer)) : nullptr;
        deltas.push_back(exit ? exit->delta : kNotEvaluated);
        grippers.push_back(exit ? exit->gripper_probability() : kNotEvaluated);
        arms.push_back(exit ? row(exit->arm()) : unknown);
      }
      delta.push_back(at::tensor(deltas, at::kFloat));
      probe_gripper.push_back(at::tensor(grippers, at::kFloat));
      probe_action.push_back(at::stack(arms));
      pseudo.push_back(record.predecessor.feature.empty() ? unknown : row(record.predecessor.arm()));
    }
    comparer_.condition(prefix + "layers_run", only_needed_layers_ran_, "more layers were run than the exit needs",
                        steps_);
    const auto ours = at::tensor(run.exit_layer, at::kLong);
    if (outputs_->contains(prefix + "exit_layer")) comparer_.golden(*outputs_, prefix + "exit_layer", ours, 0);
    comparer_.condition(prefix + "exit_layer_per_step", fields.integers("exit_layer_per_step") == run.exit_layer,
                        "exit decisions differ from dynamic.json", steps_);
    comparer_.all_present(*outputs_, {prefix + "action", prefix + "exit_layer", prefix + "delta"});
    const auto compare = [&](const char* what, const at::Tensor& values) {
      if (outputs_->contains(prefix + what)) comparer_.golden(*outputs_, prefix + what, values, kTolerance);
    };
    compare("delta", at::stack(delta));
    compare("probe_action", at::stack(probe_action));
    compare("probe_gripper_prob", at::stack(probe_gripper));
    compare("pseudo_prev_action", at::stack(pseudo));
    compare_rollout(prefix, run, rollout);
  }

  // Incomplete golden data must not pass by default.
  void require_golden_tensors() {
    std::vector<std::string> names{"vision.static.tokens", "vision.gripper.tokens", "perceiver.static",
                                   "perceiver.gripper", "text.embedding"};
    for (int layer = 0; layer < model_->layers(); ++layer) names.push_back("hidden.layer" + std::to_string(layer));
    for (const int layer : model_->exit_layers()) names.push_back("fixed.layer" + std::to_string(layer) + ".action");
    comparer_.all_present(*outputs_, names);
  }

  // Calibration values that the reference cached in its checkpoint, and the thresholds they give.
  void compare_cached_values() {
    const Json json = read_json(folder_ / "config.json");
    if (!json.contains("thresholds_from_cached_values_by_exit_ratio")) return;
    const auto& expected = json["thresholds_from_cached_values_by_exit_ratio"];
    if (expected.empty()) return;
    const auto pieces = find_published_pieces(folder_);
    if (!pieces) return;
    const auto values = TensorArchive::open(pieces->checkpoint)->read("values").to(at::kFloat).contiguous();
    const CalibrationValues calibration{
        {values.data_ptr<float>(), static_cast<std::size_t>(values.numel())}, values.size(0), values.size(1)};
    const auto& config = files_.config;
    const bool skip_first = config.llm_name.find("mpt_9b") != std::string::npos;
    for (const auto& [ratio, thresholds] : expected.items()) {
      const auto shares = target_shares(ExitDistribution::exponential, parse_number(ratio).value(),
                                        static_cast<std::int64_t>(config.exit_layers().size()), skip_first);
      const auto ours = solve_thresholds(calibration, shares);
      std::vector<double> golden;
      for (const int layer : config.exit_layers()) {
        const auto key = std::to_string(layer);
        golden.push_back(thresholds.contains(key) ? thresholds[key].get<double>() : kNotEvaluated);
      }
      comparer_.tensors("cached_values.ratio" + ratio + ".thresholds", at::tensor(ours, at::kFloat),
                        at::tensor(golden, at::kDouble), 0);
    }
  }

  fs::path folder_;
  ParityOptions options_;
  Comparer& comparer_;
  std::shared_ptr<const TensorArchive> inputs_;
  std::shared_ptr<const TensorArchive> outputs_;
  ModelFiles files_;
  std::unique_ptr<MultiExitModel> model_;
  PreparedText text_;
  at::Tensor static_, gripper_;
  std::int64_t steps_ = 0;
  std::vector<at::Tensor> media_;
  std::vector<std::vector<at::Tensor>> features_;
  bool only_needed_layers_ran_ = true;
};

}  // namespace

bool compare_model(const fs::path& folder, const ParityOptions& options, Comparer& comparer) {
  const bool outputs = fs::exists(folder / "outputs.safetensors");
  if (outputs != fs::exists(folder / "inputs.safetensors")) {
    throw FileError(folder, outputs ? "contains outputs.safetensors but no inputs.safetensors"
                                    : "contains inputs.safetensors but no outputs.safetensors");
  }
  if (!outputs) return false;
  const c10::NoGradGuard no_grad;
  ModelComparison(folder, options, comparer).run();
  return true;
}

}  // namespace deer
