// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/run/trainer.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "core/base/error.h"
#include "core/train/base/parallel_work.h"
#include "core/train/method/optimizer.h"
#include "core/train/run/batch_queue.h"
#include "core/train/run/tensorboard_log.h"
#include "core/train/run/torch_checkpoint.h"
#include "core/train/run/training_log.h"

namespace deer {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Parameters that any stage changes, so the state must contain them.
bool trained_by_any(const TrainingOptions& options, const std::string& name) {
  return std::any_of(options.stages.begin(), options.stages.end(),
                     [&](const StageOptions& stage) { return stage.trains(name); });
}

// Settings that affect the results of a run.
Json describe(const TrainingOptions& options, std::int64_t windows) {
  Json out = {
      {"seed", options.seed}, {"windows", windows}, {"dtype", c10::toString(options.dtype)}, {"stages", Json::array()}};
  for (const auto& s : options.stages) {
    out["stages"].push_back({{"name", s.name},
                             {"stage", s.stage == TrainingStage::joint ? "joint" : "exit"},
                             {"steps", s.steps},
                             {"epochs", s.epochs},
                             {"batch", s.batch},
                             {"windows_per_part", s.windows_per_part},
                             {"learning_rate", s.groups.learning_rate},
                             {"exit_lr_scale", s.groups.head_scale},
                             {"weight_decay", s.groups.weight_decay},
                             {"exit_decay", s.groups.decay_heads},
                             {"schedule", static_cast<int>(s.schedule)},
                             {"warmup_steps", s.warmup_steps},
                             {"final_rate", s.final_rate},
                             {"gradient_norm", s.gradient_norm},
                             {"train_decoder", s.train_decoder},
                             {"average_decay", s.average_decay},
                             {"gripper_weight", s.gripper_weight},
                             {"padding_in_pooling", s.padding == PaddingInPooling::included},
                             {"locate", s.locate},
                             {"train_resampler", s.train_resampler}});
    if (s.schedule_steps) out["stages"].back()["schedule_steps"] = s.schedule_steps;
  }
  return out;
}

// A run resumes only with the same settings; stages that have not begun may change.
void check_same_run(const TrainingState& state, const Json& now, const fs::path& folder) {
  const auto refuse = [&](const std::string& what, const Json& then_value, const Json& now_value) {
    throw FileError(folder / "state.safetensors",
                    "belongs to a run in which " + what + " was " + printable(then_value.dump(), 60) + ", now it is " +
                        printable(now_value.dump(), 60) + "; use that value or another output folder");
  };
  const Json empty = Json::object();
  const Json not_in_old_states = {{"locate", false}, {"train_resampler", true}};
  const auto compare = [&](const Json& then_part, const Json& now_part, const std::string& where) {
    if (!then_part.is_object()) refuse(where, then_part, now_part);
    for (const auto& [key, value] : now_part.items()) {
      const Json before = then_part.value(key, not_in_old_states.value(key, Json()));
      if (key != "stages" && before != value) refuse("'" + where + key + "'", before, value);
    }
  };
  compare(state.run, now, "");
  const Json before = state.run.value("stages", Json::array());
  const auto begun = static_cast<std::size_t>(state.stage + (state.step > 0 ? 1 : 0));
  for (std::size_t i = 0; i < begun; ++i) {
    const auto& old_stage = i < before.size() ? before[i] : empty;
    const auto& new_stage = i < now["stages"].size() ? now["stages"][i] : empty;
    compare(old_stage, new_stage.empty() ? old_stage : new_stage, "stages[" + std::to_string(i) + "].");
    if (new_stage.empty()) refuse("an additional stage", old_stage.value("name", Json()), Json());
  }
}

std::vector<std::string> loss_columns(const ModelConfig& config) {
  std::vector<std::string> out{"loss"};
  for (const char* kind : {"arm_", "gripper_"}) {
    for (const auto& name : output_names(config)) out.push_back(kind + name);
  }
  return out;
}

std::vector<std::string> log_columns(const ModelConfig& config) {
  std::vector<std::string> out{"epoch", "seconds", "frames_per_s", "learning_rate", "gradient_norm"};
  const auto losses = loss_columns(config);
  out.insert(out.end(), losses.begin(), losses.end());
  return out;
}

std::int64_t stage_steps(const StageOptions& stage, std::int64_t windows) {
  if (stage.steps > 0) return stage.steps;
  return static_cast<std::int64_t>(
      std::ceil(stage.epochs * static_cast<double>(windows) / static_cast<double>(stage.batch)));
}

std::vector<std::int64_t> evenly(std::int64_t available, std::int64_t wanted) {
  std::vector<std::int64_t> out;
  const auto count = std::min(available, std::max<std::int64_t>(1, wanted));
  for (std::int64_t i = 0; i < count; ++i) out.push_back(i * available / count);
  return out;
}

class StageRun {
 public:
  StageRun(TrainableModel& model, const WindowSource& training, const WindowSource* validation, const fs::path& folder,
           const TrainingOptions& options, std::size_t index, const DataParallel& processes,
           const TrainingCallbacks& callbacks, TrainingState state)
      : model_(model),
        training_(training),
        validation_(validation),
        folder_(folder),
        options_(options),
        stage_(options.stages[index]),
        index_(index),
        processes_(processes),
        callbacks_(callbacks),
        state_(std::move(state)) {
    model_.set_trainable([&](const std::string& name) { return stage_.trains(name); });
    trainable_ = model_.trainable();
    std::vector<std::string> names;
    for (const auto& [name, parameter] : trainable_) names.push_back(name);
    optimizer_.emplace(trainable_, parameter_groups(stage_.stage, names, stage_.groups));

    plan_.windows = training.size();
    plan_.batch = stage_.batch;
    plan_.windows_per_part = stage_.windows_per_part;
    plan_.exits = static_cast<std::int64_t>(model.network().exit_layers().size());
    plan_.seed = options.seed * 1000003 + index;
    plan_.rank = processes.rank();
    plan_.processes = processes.size();
    steps_ = stage_steps(stage_, plan_.windows);
    restore();
    // Must come last: replicas share the restored tensors.
    gradients_.emplace(model_, LossOptions{stage_.stage, stage_.gripper_weight, stage_.padding, options.dtype},
                       options.workers > 0 ? options.workers : std::max(1, worker_count(0) / processes.local_size()));
  }

  void run(const std::stop_token& stop) {
    open_logs();
    BatchQueue queue(training_, plan_, state_.step, steps_);
    last_save_ = last_log_ = Clock::now();
    while (state_.step < steps_) {
      const auto parts = queue.next();
      one_step(parts, stop.stop_requested());
      const bool last = state_.step == steps_;
      if (state_.step % options_.log_every == 0 || last) report();
      if (validation_ != nullptr && !last && options_.validate_every > 0 &&
          state_.step % options_.validate_every == 0) {
        validate();
      }
      if (stop_requested_) {
        save();
        throw Cancelled();
      }
      if (!last && time_to_save()) save();
    }
    if (validation_ != nullptr) validate();
    finish();
  }

  TrainingState take_state() { return std::move(state_); }

 private:
  void restore() {
    optimizer_->set_state(state_.optimizer);
    if (stage_.average_decay <= 0) {
      state_.average.clear();
      return;
    }
    for (const auto& [name, parameter] : trainable_) {
      auto& average = state_.average[name];
      if (!average.defined()) average = parameter.detach().clone();
      average = average.to(parameter.device());
    }
  }

  void open_logs() {
    if (!processes_.is_first()) return;
    std::vector<std::string> earlier;
    for (std::size_t i = 0; i < index_; ++i) earlier.push_back(options_.stages[i].name);
    log_.emplace(folder_ / "log.csv", log_columns(model_.config()), earlier, stage_.name, state_.step);
    if (options_.tensorboard) {
      board_.emplace(folder_);
      for (std::size_t i = 0; i < index_; ++i) board_offset_ += stage_steps(options_.stages[i], plan_.windows);
    }
    validation_log_.emplace(folder_ / "validation.csv", loss_columns(model_.config()), earlier, stage_.name,
                            state_.step);
  }

  // Gradients, losses and stop requests, summed over processes in one message.
  LossValues share(const LossValues& loss, bool stop) {
    stop_requested_ = stop;
    if (processes_.size() == 1) return loss;
    const auto where = processes_.sums_on(model_.device()) ? model_.device() : at::Device(at::kCPU);
    std::vector<at::Tensor> pieces;
    for (const auto& [name, parameter] : trainable_) {
      pieces.push_back(parameter.grad().reshape(-1).to(where, at::kFloat));
    }
    auto row = loss.row();
    const auto losses = 1 + 2 * output_names(model_.config()).size();
    row.resize(losses);
    row.push_back(stop ? 1 : 0);
    pieces.push_back(at::tensor(row, at::kFloat).to(where));
    auto flat = at::cat(pieces);
    processes_.sum(flat);
    std::int64_t at = 0;
    const at::NoGradGuard no_grad;
    for (const auto& [name, parameter] : trainable_) {
      parameter.mutable_grad().copy_(flat.narrow(0, at, parameter.numel()).view(parameter.sizes()));
      at += parameter.numel();
    }
    const auto tail = flat.narrow(0, at, static_cast<std::int64_t>(row.size())).to(at::kCPU, at::kDouble).contiguous();
    row.assign(tail.data_ptr<double>(), tail.data_ptr<double>() + tail.numel());
    stop_requested_ = row.back() > 0;
    row.pop_back();
    return LossValues::from_row(row);
  }

  void one_step(const std::vector<BatchPart>& parts, bool stop) {
    const auto loss = share(gradients_->accumulate(parts), stop);
    const double norm = clip_gradients(trainable_, stage_.gradient_norm);
    if (!std::isfinite(loss.total) || !std::isfinite(norm)) {
      throw Error("stage '" + stage_.name + "', step " + std::to_string(state_.step + 1) +
                  ": the loss or its gradient is not finite; the last checkpoint is kept. Try a lower learning rate");
    }
    const auto steps = stage_.schedule_steps ? stage_.schedule_steps : steps_;
    factor_ = schedule_factor(stage_.schedule, state_.step, steps, stage_.warmup_steps, stage_.final_rate);
    optimizer_->set_schedule(factor_);
    optimizer_->step();
    optimizer_->zero_gradients();
    ++state_.step;
    update_average();
    sum_.add(loss);
    norm_sum_ += norm;
    ++summed_;
    window_ = parts.empty() ? window_ : parts.front().batch.actions.size(1);
  }

  void update_average() {
    if (state_.average.empty()) return;
    const at::NoGradGuard no_grad;
    // Early averages adapt faster, so that they do not retain the initial values.
    const auto steps = static_cast<double>(state_.step);
    const double decay = std::min(stage_.average_decay, (1 + steps) / (10 + steps));
    for (auto& [name, average] : state_.average) {
      const auto it = trainable_.find(name);
      if (it != trainable_.end()) average.lerp_(it->second, 1 - decay);
    }
  }

  void report() {
    const double seconds = seconds_since(last_log_);
    last_log_ = Clock::now();
    TrainingProgress out;
    out.stage = stage_.name;
    out.step = state_.step;
    out.steps = steps_;
    out.epoch = static_cast<double>(state_.step * plan_.batch) / static_cast<double>(plan_.windows);
    out.learning_rate = stage_.groups.learning_rate * factor_;
    const auto count = static_cast<double>(summed_);
    out.gradient_norm = norm_sum_ / count;
    auto row = sum_.row();
    for (auto& value : row) value /= count;
    out.loss = LossValues::from_row(row);
    out.frames_per_s = count * static_cast<double>(plan_.batch * window_) / std::max(seconds, 1e-9);
    out.seconds_left = seconds / count * static_cast<double>(steps_ - state_.step);
    trained_s_ += seconds;
    sum_ = {};
    norm_sum_ = 0;
    summed_ = 0;
    if (!processes_.is_first()) return;
    std::vector<double> values{out.epoch, trained_s_, out.frames_per_s, out.learning_rate, out.gradient_norm};
    values.insert(values.end(), row.begin(), row.end());
    log_->add(state_.step, values);
    board("train/", log_columns(model_.config()), values);
    if (callbacks_.progress) callbacks_.progress(out);
  }

  // Validates the averaged weights if there are any, since they are the result.
  void validate() {
    exchange_average();
    auto plan = plan_;
    plan.seed = 0;  // the same choices each time
    const auto windows = evenly(validation_->size(), options_.validation_windows);
    LossValues loss;
    constexpr std::int64_t kAtOnce = 64;
    for (std::size_t first = 0; first < windows.size(); first += kAtOnce) {
      const auto end = std::min(windows.size(), first + kAtOnce);
      auto parts = fixed_parts(
          *validation_,
          {windows.begin() + static_cast<std::ptrdiff_t>(first), windows.begin() + static_cast<std::ptrdiff_t>(end)},
          plan);
      const double share_of_all = static_cast<double>(end - first) / static_cast<double>(windows.size());
      for (auto& part : parts) part.weight *= share_of_all;
      loss.add(gradients_->evaluate(parts));
    }
    exchange_average();
    if (processes_.size() > 1) {
      auto row = loss.row();
      row.resize(1 + 2 * output_names(model_.config()).size());
      auto flat = at::tensor(row, at::kFloat);
      processes_.sum(flat);
      for (std::size_t i = 0; i < row.size(); ++i) row[i] = flat[static_cast<std::int64_t>(i)].item<double>();
      loss = LossValues::from_row(row);
    }
    last_log_ = Clock::now();
    if (!processes_.is_first()) return;
    validation_log_->add(state_.step, loss.row());
    board("validation/", loss_columns(model_.config()), loss.row());
    if (callbacks_.validation) callbacks_.validation({stage_.name, state_.step, loss});
  }

  void board(const std::string& prefix, std::vector<std::string> names, const std::vector<double>& values) {
    if (!board_) return;
    for (auto& name : names) name.insert(0, prefix);
    board_->add(board_offset_ + state_.step, names, values);
  }

  // In place, since the workers' replicas share the memory. Calling it twice has no effect.
  void exchange_average() {
    const at::NoGradGuard no_grad;
    for (auto& [name, average] : state_.average) {
      const auto it = trainable_.find(name);
      if (it == trainable_.end()) continue;
      const auto kept = it->second.detach().clone();
      it->second.detach().copy_(average);
      average.copy_(kept);
    }
  }

  bool time_to_save() const {
    if (options_.save_every_steps > 0) return state_.step % options_.save_every_steps == 0;
    return seconds_since(last_save_) >= options_.save_every_s;
  }

  void collect_parameters() {
    state_.parameters.clear();
    for (const auto& [name, parameter] : model_.parameters()) {
      if (trained_by_any(options_, name)) state_.parameters[name] = parameter.detach();
    }
  }

  void save() {
    if (processes_.is_first()) {
      collect_parameters();
      state_.optimizer = optimizer_->state();
      save_training_state(folder_, state_);
      save_model(folder_, model_, state_.average);
      if (callbacks_.saved) callbacks_.saved(stage_.name, state_.step);
    }
    last_save_ = Clock::now();
  }

  // The next stage starts from the average, if there is one.
  void finish() {
    exchange_average();
    state_.average.clear();
    state_.optimizer.clear();
    ++state_.stage;
    state_.step = 0;
    if (!processes_.is_first()) return;
    collect_parameters();
    save_model(folder_, model_);
    if (options_.reference_checkpoint) save_reference_checkpoint(folder_ / "model.pth", model_, {}, state_.stage - 1);
    save_training_state(folder_, state_);
    if (callbacks_.saved) callbacks_.saved(stage_.name, steps_);
  }

  TrainableModel& model_;
  const WindowSource& training_;
  const WindowSource* validation_;
  fs::path folder_;
  const TrainingOptions& options_;
  const StageOptions& stage_;
  std::size_t index_;
  const DataParallel& processes_;
  const TrainingCallbacks& callbacks_;
  TrainingState state_;
  ParameterMap trainable_;
  std::optional<Optimizer> optimizer_;
  std::optional<BatchGradients> gradients_;
  BatchPlan plan_;
  std::int64_t steps_ = 0;
  std::int64_t window_ = 0;
  double factor_ = 0;
  bool stop_requested_ = false;
  LossValues sum_;
  double norm_sum_ = 0;
  std::int64_t summed_ = 0;
  double trained_s_ = 0;
  Clock::time_point last_save_, last_log_;
  std::optional<TrainingLog> log_, validation_log_;
  std::optional<TensorboardLog> board_;
  std::int64_t board_offset_ = 0;  ///< steps of earlier stages
};

void check(const TrainableModel& model, const WindowSource& training, const TrainingOptions& options) {
  if (options.stages.empty()) throw Error("there are no stages to train");
  if (training.size() < 1) throw Error("there are no windows to train on");
  if (options.log_every < 1) throw Error("training: log_every must be at least 1");
  for (const auto& stage : options.stages) {
    const auto where = "training stage '" + stage.name + "': ";
    if ((stage.steps > 0) == (stage.epochs > 0)) throw Error(where + "give either steps or epochs, above 0");
    if (stage.batch < 1 || stage.windows_per_part < 1)
      throw Error(where + "batch and windows_per_part must be at least 1");
    if (stage.warmup_steps < 0) throw Error(where + "warmup_steps must not be negative");
    if (stage.schedule_steps < 0 || (stage.schedule_steps > 0 && stage.schedule_steps < stage.steps)) {
      throw Error(where + "schedule_steps must be at least steps (" + std::to_string(stage.steps) + ')');
    }
    if (stage.gradient_norm <= 0) throw Error(where + "gradient_norm must be above 0");
    if (stage.average_decay < 0 || stage.average_decay >= 1) throw Error(where + "average_decay must be in 0 to 1");
  }
  const auto& head = model.config().head;
  if (head.exit_dropout < 0 || head.exit_dropout >= 1 || head.lstm_dropout < 0 || head.lstm_dropout >= 1) {
    throw Error("the model's head.exit_dropout and head.lstm_dropout must be at least 0 and below 1");
  }
}

}  // namespace

void train_model(TrainableModel& model, const WindowSource& training, const WindowSource* validation,
                 const fs::path& folder, const TrainingOptions& options, const DataParallel& processes,
                 const TrainingCallbacks& callbacks, std::stop_token stop, const LocateSources& locate) {
  check(model, training, options);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw FileError(folder, "cannot create this folder: " + error.message());
  // Also outside the batches: on shared cores, a multi-threaded operation waits for the slowest thread.
  std::optional<SingleThreadedMath> single;
  if (model.device().is_cpu()) {
    keep_freed_memory();
    single.emplace();
  }

  if (std::ranges::any_of(options.stages, &StageOptions::locate) && locate.training == nullptr) {
    throw Error("a stage is to locate blocks, but there are no frames for it");
  }
  const auto run = describe(options, training.size());
  TrainingState state;
  if (auto saved = load_training_state(folder)) {
    check_same_run(*saved, run, folder);
    state = std::move(*saved);
    // Copied, because the parameters may be a read-only mapping.
    model.set_trainable([&](const std::string& name) { return state.parameters.contains(name); });
    const at::NoGradGuard no_grad;
    for (const auto& [name, tensor] : state.parameters) {
      const auto it = model.parameters().find(name);
      if (it == model.parameters().end() || it->second.sizes() != tensor.sizes()) {
        throw FileError(folder / "state.safetensors", "does not match the model: '" + name + "'");
      }
      it->second.detach().copy_(tensor);
    }
  }
  state.run = run;
  while (state.stage < static_cast<std::int64_t>(options.stages.size())) {
    const bool locates = options.stages[static_cast<std::size_t>(state.stage)].locate;
    StageRun stage(model, locates ? *locate.training : training, locates ? locate.validation : validation, folder,
                   options, static_cast<std::size_t>(state.stage), processes, callbacks, std::move(state));
    stage.run(stop);
    state = stage.take_state();
  }
}

}  // namespace deer
