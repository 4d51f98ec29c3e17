// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/train/run/batch_gradients.h"
#include "core/train/run/checkpoint.h"
#include "core/train/run/data_parallel.h"
#include "core/train/run/learning_rate.h"

namespace deer {

/// One stage of the paper's training.
struct StageOptions {
  std::string name = "joint";  ///< unique in a run; in logs and messages
  TrainingStage stage = TrainingStage::joint;
  std::int64_t steps = 0;             ///< optimiser steps; 0: by epochs
  double epochs = 0;                  ///< passes over all windows
  std::int64_t batch = 32;            ///< windows per step, over all processes
  std::int64_t windows_per_part = 8;  ///< computed by one thread at once; affects memory and dropout
  GroupOptions groups;
  Schedule schedule = Schedule::constant;
  std::int64_t warmup_steps = 0;
  double final_rate = 0;            ///< for cosine and linear schedules, as a fraction of the learning rate
  std::int64_t schedule_steps = 0;  ///< step at which the schedule ends; 0: with the stage
  double gradient_norm = 1;         ///< gradients are clipped to this norm
  bool train_decoder = false;       ///< the decoder's blocks too
  bool train_resampler = true;      ///< not if it was trained before (stage "latents")
  bool locate = false;              ///< learns where the block is that is meant, instead of acting
  double average_decay = 0;         ///< for an exponential average of the weights; 0: none
  double gripper_weight = 0.01;
  PaddingInPooling padding = PaddingInPooling::excluded;

  bool trains(const std::string& parameter) const {
    return deer::trains(stage, parameter, train_decoder, train_resampler);
  }
};

struct TrainingOptions {
  std::vector<StageOptions> stages;
  std::uint64_t seed = 0;
  int workers = 0;                         ///< CPU threads; 0: one per CPU, divided among processes
  at::ScalarType dtype = at::kFloat;       ///< kBFloat16: autocast, weights stay float32
  std::int64_t log_every = 20;             ///< steps
  std::int64_t validate_every = 500;       ///< steps; 0: only at the end of a stage
  std::int64_t validation_windows = 1024;  ///< maximum, evenly spaced in the validation source
  std::int64_t save_every_steps = 0;       ///< 0: by time
  double save_every_s = 120;
  bool tensorboard = false;           ///< also write an event file
  bool reference_checkpoint = false;  ///< model.pth in the reference's field names, after each stage
};

struct TrainingProgress {
  std::string stage;
  std::int64_t step = 0, steps = 0;
  double epoch = 0;
  double learning_rate = 0;  ///< of the backbone, or of the heads in the exit stage
  double gradient_norm = 0;  ///< before clipping; mean since the last report, as the losses
  LossValues loss;
  double frames_per_s = 0;
  double seconds_left = 0;  ///< of the stage
};

struct TrainingValidation {
  std::string stage;
  std::int64_t step = 0;
  LossValues loss;
};

struct TrainingCallbacks {  ///< called on the training thread, only in the first process
  std::function<void(const TrainingProgress&)> progress;
  std::function<void(const TrainingValidation&)> validation;
  std::function<void(const std::string& stage, std::int64_t step)> saved;
};

/// Single frames with the place of a block instead of actions (CalvinWindowsOptions::locate); either may be null.
struct LocateSources {
  const WindowSource* training = nullptr;
  const WindowSource* validation = nullptr;
};

/// Runs the stages in order and writes to `folder`: config.json and model.safetensors (averaged weights if averaging is
/// on), state.safetensors (for resuming), log.csv, validation.csv; optionally an event file for TensorBoard and
/// model.pth. A stopped or killed run resumes from its last save and ends with the same parameters; a finished run
/// returns at once.
///
/// All processes of `processes` must call it with equal arguments; their parameters stay equal.
/// `validation` may be null; `locate` is for stages that locate blocks. Throws Error, FileError, or Cancelled
/// after saving if `stop` is requested.
void train_model(TrainableModel& model, const WindowSource& training, const WindowSource* validation,
                 const std::filesystem::path& folder, const TrainingOptions& options, const DataParallel& processes,
                 const TrainingCallbacks& callbacks = {}, std::stop_token stop = {}, const LocateSources& locate = {});

}  // namespace deer
