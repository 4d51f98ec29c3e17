// SPDX-License-Identifier: GPL-3.0-or-later
// One optimiser step of each training stage, and the calibration values, from the same windows.
#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/budget/threshold_solver.h"
#include "core/model/device.h"
#include "core/parity/comparer.h"
#include "core/train/method/multi_exit_loss.h"
#include "core/train/method/optimizer.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr double kTrainingTolerance = 1e-4;
constexpr const char* kPrefix = "module.";  // the reference's names come from a data-parallel wrapper

// The model the step starts from: in this folder, or the tiny_<name> two levels up.
fs::path model_folder(const fs::path& folder) {
  if (fs::exists(folder / "model.safetensors")) return folder;
  const auto absolute = fs::weakly_canonical(folder);
  const auto beside = absolute.parent_path().parent_path() / ("tiny_" + absolute.filename().string());
  if (fs::exists(beside / "model.safetensors")) return beside;
  throw FileError(folder, "contains golden training steps, but their model is neither there nor in " + beside.string());
}

class TrainingComparison {
 public:
  TrainingComparison(const fs::path& folder, const ParityOptions& options, Comparer& comparer)
      : folder_(folder),
        comparer_(comparer),
        files_(open_model_files(model_folder(folder))),
        device_(resolve_device(options.device)),
        steps_(read_json(folder / "steps.json")) {
    const auto archive = TensorArchive::open(folder / "batch.safetensors");
    batch_.rgb_static = archive->read("rgb_static");
    batch_.rgb_gripper = archive->read("rgb_gripper");
    batch_.input_ids = archive->read("input_ids");
    batch_.attention_mask = archive->read("attention_mask");
    batch_.actions = archive->read("actions");
    files_.config.head.exit_dropout = 0;  // as in the golden steps; the mode keeps the parameter names
    files_.config.head.lstm_dropout = 0;
  }

  void run() {
    compare_step(TrainingStage::joint);
    compare_step(TrainingStage::exit);
    compare_calibration();
  }

 private:
  void compare_step(TrainingStage stage) {
    const bool joint = stage == TrainingStage::joint;
    const std::string title = joint ? "joint" : "exit";
    const auto file = folder_ / "steps.json";
    const JsonFields root(file, steps_);
    const auto golden = root.object(title.c_str());
    const auto arguments = root.object("args");
    const auto archive = TensorArchive::open(folder_ / (title + "_step.safetensors"));

    TrainableModel model(files_, device_);
    model.set_trainable([&](const std::string& name) { return trains(stage, name); });
    const auto trainable = model.trainable();
    std::vector<std::string> names;
    for (const auto& [name, parameter] : trainable) names.push_back(name);

    GroupOptions options;
    options.learning_rate = scaled_learning_rate(arguments.number(joint ? "joint_learning_rate" : "exit_learning_rate"),
                                                 arguments.integer("batch_size"), arguments.integer("world_size"));
    options.head_scale = arguments.number("exit_lr_scale");
    options.weight_decay = arguments.number("weight_decay");
    const auto groups = parameter_groups(stage, names, options);
    compare_groups(title, groups, golden.json().at("param_groups"));

    ExitSample sample;
    sample.every_frame = archive->read("strategy1_index");
    sample.before_and_after = archive->read("strategy2_index");
    sample.switch_frame = golden.integer("prev_len");
    WindowFeatures features;
    {
      const at::AutoGradMode backbone(joint);
      features = window_features(model, batch_, model.network().exit_layers());
    }
    const auto outputs = multi_exit_outputs(model, features, sample);
    comparer_.golden(*archive, "actions", outputs.arm.detach().cpu(), kTolerance, title + ".actions");
    const auto logits = outputs.gripper_logit.detach().cpu().unsqueeze(-1);
    comparer_.golden(*archive, "gripper_logits", logits, kTolerance, title + ".gripper_logits");
    comparer_.golden(*archive, "gripper_probs", at::sigmoid(logits), kTolerance, title + ".gripper_probs");

    const auto loss = multi_exit_loss(outputs, batch_.actions);
    compare_losses(title, loss, golden.object("log"));

    loss.total.backward();
    compare_gradients(title, trainable, golden.json().at("grad_norms"), *archive);
    number(title + ".grad_total_norm_before_clip", clip_gradients(trainable, arguments.number("grad_clip")),
           golden.number("grad_total_norm_before_clip"));

    Optimizer(trainable, groups).step();
    for (const auto& [name, parameter] : trainable) {
      const auto key = std::string("after.") + kPrefix + name;
      if (archive->contains(key)) {
        comparer_.golden(*archive, key, parameter.detach().cpu(), kTrainingTolerance, title + "." + key);
      }
    }
    comparer_.nothing_left_out(*archive, {"strategy1_index", "strategy2_index"});
  }

  void number(const std::string& name, double ours, double golden) {
    const double scale = std::max(std::abs(golden), 1e-30);
    comparer_.tensors(name, at::full({1}, ours / scale), at::full({1}, golden / scale), kTrainingTolerance);
  }

  void compare_groups(const std::string& title, const std::vector<ParameterGroup>& ours, const Json& golden) {
    comparer_.condition(title + ".param_groups", ours.size() == golden.size(), "different number of groups");
    for (std::size_t i = 0; i < std::min(ours.size(), golden.size()); ++i) {
      const auto name = title + ".param_groups." + ours[i].name;
      auto expected = golden[i].at("names").get<std::vector<std::string>>();
      auto found = ours[i].parameters;
      for (auto& parameter : found) parameter = kPrefix + parameter;
      std::sort(expected.begin(), expected.end());
      std::sort(found.begin(), found.end());
      comparer_.condition(name, found == expected, "different parameters",
                          std::max<std::int64_t>(1, static_cast<std::int64_t>(expected.size())));
      number(name + ".lr", ours[i].learning_rate, golden[i].at("lr").get<double>());
      comparer_.condition(name + ".weight_decay", ours[i].weight_decay == golden[i].at("weight_decay").get<double>(),
                          "different weight decay");
    }
  }

  void compare_losses(const std::string& title, const MultiExitLoss& loss, const JsonFields& log) {
    number(title + ".loss", loss.total.item<double>(), log.number("loss_calvin"));
    const auto arm = loss.arm.detach().cpu();
    const auto gripper = loss.gripper.detach().cpu();
    const auto exits = static_cast<std::int64_t>(files_.config.exit_layers().size());
    for (std::int64_t i = 0; i < exits + 2; ++i) {
      const auto which = std::to_string(i);
      const auto arm_key =
          i < exits ? "loss_calvin_num_" + which : std::string("extra_exit_loss") + (i == exits ? "_num" : "2_num");
      const auto gripper_key =
          i < exits ? "loss_calvin_bin_" + which : std::string("extra_exit_loss") + (i == exits ? "_bin" : "2_bin");
      number(title + "." + arm_key, arm[i].item<double>(), log.number(arm_key.c_str()));
      number(title + "." + gripper_key, gripper[i].item<double>(), log.number(gripper_key.c_str()));
    }
  }

  void compare_gradients(const std::string& title, const ParameterMap& trainable, const Json& norms,
                         const TensorArchive& archive) {
    std::vector<double> ours;
    std::vector<double> golden;
    std::string problem;
    for (const auto& [name, parameter] : trainable) {
      const auto key = kPrefix + name;
      if (!norms.contains(key) || !parameter.grad().defined()) {
        problem = name + (parameter.grad().defined() ? " has no golden gradient" : " has no gradient");
        continue;
      }
      const double expected = norms.at(key).get<double>();
      const double scale = std::max(std::abs(expected), 1e-6);
      ours.push_back(at::norm(parameter.grad()).item<double>() / scale);
      golden.push_back(expected / scale);
      if (archive.contains("grad." + key)) {
        comparer_.golden_relative(archive, "grad." + key, parameter.grad().cpu(), kTrainingTolerance,
                                  title + ".grad." + key);
      }
    }
    comparer_.condition(title + ".gradients", problem.empty() && norms.size() == trainable.size(),
                        problem.empty() ? "gradients for different parameters" : problem,
                        static_cast<std::int64_t>(norms.size()));
    comparer_.tensors(title + ".grad_norms", at::tensor(ours), at::tensor(golden), kTrainingTolerance);
  }

  void compare_calibration() {
    const auto path = folder_ / "calibration.safetensors";
    if (!fs::exists(path)) return;
    const auto golden = TensorArchive::open(path);
    TrainableModel model(files_, device_);
    auto layers = model.network().exit_layers();
    comparer_.golden(*golden, "exit_layers", at::tensor(std::vector<std::int64_t>(layers.begin(), layers.end())), 0,
                     "calibration.exit_layers");
    const auto exits = static_cast<std::int64_t>(layers.size());
    layers.insert(layers.begin(), 0);
    const at::NoGradGuard no_grad;
    const auto features = window_features(model, batch_, layers);
    const auto values =
        calibration_values(model, features, golden->read("strategy1_index")).to(at::kCPU, at::kFloat).contiguous();
    comparer_.golden(*golden, "values", values, kTolerance, "calibration.values");
    const CalibrationValues table{
        {values.data_ptr<float>(), static_cast<std::size_t>(values.numel())}, exits, values.size(1)};
    constexpr double kRatio = 1.3;
    const bool skip_first = files_.config.decoder.family == DecoderFamily::mpt_7b;
    const auto thresholds =
        solve_thresholds(table, target_shares(ExitDistribution::exponential, kRatio, exits, skip_first));
    comparer_.golden(*golden, "thresholds", at::tensor(thresholds), kTolerance, "calibration.thresholds");
    comparer_.nothing_left_out(*golden, {"strategy1_index"});
  }

  fs::path folder_;
  Comparer& comparer_;
  ModelFiles files_;
  at::Device device_;
  Json steps_;
  WindowBatch batch_;
};

}  // namespace

bool compare_training(const fs::path& folder, const ParityOptions& options, Comparer& comparer) {
  if (!fs::exists(folder / "steps.json") || !fs::exists(folder / "batch.safetensors")) return false;
  try {
    TrainingComparison(folder, options, comparer).run();
  } catch (const Json::exception& error) {
    throw FileError(folder / "steps.json", printable(error.what(), 300));
  }
  return true;
}

}  // namespace deer
