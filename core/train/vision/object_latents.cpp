// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/vision/object_latents.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/base/error.h"
#include "core/train/base/parallel_work.h"
#include "core/train/base/seeded_random.h"
#include "core/train/vision/block_slots.h"
#include "core/train/vision/flat_parameters.h"
#include "core/train/vision/resampler_pretraining.h"
#include "core/train/vision/vision_targets.h"

namespace deer {
namespace {

constexpr double kSlotBeta = 0.1;      // of the Huber loss, in standard deviations
constexpr double kFoundM = 0.03;       // a block that is found
constexpr double kNearHandM = 0.15;    // as in gripper_camera_targets()
constexpr std::int64_t kHeldOut = 20;  // every so many stretches of frames is for validation

// Columns of one slot. Static camera: whether it has a block, its place, that from the TCP, its yaw. Gripper camera:
// place and yaw in the TCP's frame.
constexpr std::int64_t kStaticColumns = 9, kGripperColumns = 5;

struct SlotCamera {
  std::string name;
  at::Tensor slots, slot_weights;  ///< [N, S, C]
  at::Tensor rest, rest_weights;   ///< [N, R]
};

struct Normal {
  at::Tensor mean, scale;
};

// Of each column, over all frames and slots that have a value.
Normal normal_of(const at::Tensor& values, const at::Tensor& weights) {
  const auto flat = values.flatten(0, -2), weight = weights.flatten(0, -2);
  const auto total = weight.sum(0).clamp_min(1e-6);
  const auto mean = (flat * weight).sum(0) / total;
  const auto variance = ((flat - mean).square() * weight).sum(0) / total;
  return {mean, variance.sqrt().clamp_min(1e-3)};
}

std::array<SlotCamera, 2> cameras_of(const FrameStore& store) {
  const auto robot = at::nan_to_num(store.robot_obs()), scene = at::nan_to_num(store.scene_obs());
  const auto slots = block_slots(scene, store.blocks());
  if (!slots.defined()) throw Error("no frame has blocks: the recordings are not of the suite with many blocks");
  const auto there = slots.narrow(2, 0, 1), place = slots.narrow(2, 1, 3);
  const auto from_hand = places_from_tcp(robot, slots);

  std::array<SlotCamera, 2> out;
  out[0].name = "static";
  out[0].slots = at::cat({there, place, place - tcp_position(robot).unsqueeze(1), slots.narrow(2, 4, 2)}, 2);
  out[0].slot_weights = at::cat({at::ones_like(there), there.expand({-1, -1, kStaticColumns - 1})}, 2);
  out[1].name = "gripper";
  out[1].slots = at::cat({from_hand, yaws_from_tcp(robot, slots)}, 2);
  out[1].slot_weights =
      ((-from_hand.square().sum(2, true) / (kNearHandM * kNearHandM)).exp() * there).expand({-1, -1, kGripperColumns});
  const std::array rest = {static_camera_targets(robot, scene, false), gripper_camera_targets(robot, scene, false)};
  for (std::size_t i = 0; i < 2; ++i) {
    out[i].rest = rest[i].values;
    out[i].rest_weights = rest[i].weights;
    const auto n = normal_of(out[i].rest, out[i].rest_weights);
    out[i].rest = (out[i].rest - n.mean) / n.scale;
  }
  return out;
}

class LatentLearner {
 public:
  LatentLearner(const FrameStore& store, const FrameTokens& tokens, const std::map<std::string, at::Tensor>& start,
                const ObjectLatentsOptions& options)
      : options_(options),
        tokens_(tokens),
        cameras_(cameras_of(store)),
        normals_{normal_of(cameras_[0].slots, cameras_[0].slot_weights),
                 normal_of(cameras_[1].slots, cameras_[1].slot_weights)},
        parameters_(specs(), options.seed),
        adam_(parameters_.values().numel()) {
    const auto slots = cameras_[0].slots.size(1);
    if (options.resampler.latents < slots) {
      throw Error("the resampler has " + std::to_string(options.resampler.latents) + " latents, but there are " +
                  std::to_string(slots) + " slots for blocks");
    }
    // Whether there is a block stays 0 or 1.
    normals_[0].mean[0] = 0;
    normals_[0].scale[0] = 1;
    auto views = parameters_.views(parameters_.values());
    for (const auto& [name, tensor] : start) views.at(name).copy_(tensor);
    for (int i = worker_count(options.workers); i > 0; --i) {
      Worker worker;
      worker.gradients = at::zeros_like(parameters_.values());
      worker.leaves = parameters_.leaves(parameters_.values(), worker.gradients);
      worker.resampler.emplace(make_resampler(options.resampler, worker.leaves));
      workers_.push_back(std::move(worker));
    }
    // Neighbours look alike: stretches are held out, not single frames.
    const auto stretch = std::max<std::int64_t>(1, store.size() / 400);
    for (std::int64_t frame = 0; frame < store.size(); ++frame) {
      (frame / stretch % kHeldOut == 0 ? held_out_ : training_).push_back(frame);
    }
    if (training_.empty()) throw Error("there are too few frames to train the resampler on");
  }

  double step(std::int64_t number, const std::stop_token& stop) {
    std::vector<std::int64_t> frames;
    SeededRandom random{options_.seed, static_cast<std::uint64_t>(number)};
    for (std::int64_t i = 0; i < options_.frames_per_step; ++i) {
      frames.push_back(training_[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(training_.size())))]);
    }
    const auto each = (frames.size() + workers_.size() - 1) / workers_.size();
    run_on_threads(static_cast<int>(workers_.size()), [&](int which) {
      auto& worker = workers_[static_cast<std::size_t>(which)];
      worker.gradients.zero_();
      worker.loss = 0;
      const auto first = std::min(frames.size(), static_cast<std::size_t>(which) * each);
      const auto part = std::span<const std::int64_t>(frames).subspan(first, std::min(each, frames.size() - first));
      if (stop.stop_requested()) throw Cancelled();
      if (part.empty()) return;
      const auto loss = loss_of(worker, part) * (static_cast<double>(part.size()) / static_cast<double>(frames.size()));
      loss.backward();
      worker.loss = loss.item<double>();
    });
    auto gradients = workers_.front().gradients.clone();
    double loss = workers_.front().loss;
    for (std::size_t i = 1; i < workers_.size(); ++i) {
      gradients += workers_[i].gradients;
      loss += workers_[i].loss;
    }
    const double norm = gradients.norm().item<double>();
    if (norm > 1) gradients /= norm;
    const double progress = static_cast<double>(number) / static_cast<double>(options_.steps);
    const double warm = std::min(1.0, static_cast<double>(number + 1) / static_cast<double>(options_.warmup_steps));
    const double rate = options_.learning_rate * warm * 0.5 * (1 + std::cos(std::numbers::pi * progress));
    const at::NoGradGuard no_gradients;
    adam_.update(parameters_, gradients, number + 1, rate, options_.weight_decay);
    return loss;
  }

  void measure(ObjectLatentsProgress& out) {
    const at::NoGradGuard no_gradients;
    std::vector<std::int64_t> frames;
    for (std::size_t i = 0; i < held_out_.size(); i += std::max<std::size_t>(1, held_out_.size() / 512)) {
      frames.push_back(held_out_[i]);
    }
    const auto read = read_slots(workers_.front(), 0, latents_of(workers_.front(), 0, frames));
    const auto index = at::tensor(frames);
    const auto truth = cameras_[0].slots.index_select(0, index);
    const auto there = truth.select(2, 0);
    const auto said = read * normals_[0].scale + normals_[0].mean;
    const auto error = (said.narrow(2, 1, 3) - truth.narrow(2, 1, 3)).norm(2, {2});
    out.error_mm = 1000 * ((error * there).sum() / there.sum().clamp_min(1)).item<double>();
    out.near = ((error < kFoundM).to(at::kFloat) * there).sum().div(there.sum().clamp_min(1)).item<double>();
    out.wrong_there = ((said.select(2, 0) > 0.5) != (there > 0.5)).to(at::kFloat).mean().item<double>();
  }

  std::map<std::string, at::Tensor> resampler() const {
    std::map<std::string, at::Tensor> out;
    for (const auto& [name, tensor] : parameters_.views(parameters_.values())) {
      if (name.starts_with(kResamplerPrefix)) out[name] = tensor.clone();
    }
    return out;
  }

 private:
  struct Worker {
    at::Tensor gradients;
    std::map<std::string, at::Tensor> leaves;
    std::optional<PerceiverResampler> resampler;
    double loss = 0;
  };

  std::vector<ParameterSpec> specs() const {
    using Start = ParameterSpec::Start;
    auto out = resampler_specs(options_.resampler);
    const auto dim = options_.resampler.dim;
    const std::array columns = {kStaticColumns, kGripperColumns};
    for (std::size_t i = 0; i < 2; ++i) {
      const auto prefix = cameras_[i].name + "_slots.";
      out.push_back(
          {prefix + "weight", {columns[i], dim}, Start::normal, 0.3 / std::sqrt(static_cast<double>(dim)), true});
      out.push_back({prefix + "bias", {columns[i]}, Start::zeros});
      auto others = options_.resampler;
      others.latents -= first_of_rest();
      for (auto& spec : latent_reader_specs(cameras_[i].name + "_rest.", others, cameras_[i].rest.size(1))) {
        out.push_back(std::move(spec));
      }
    }
    return out;
  }

  // The rest of the state is said by the latents beyond those of the slots, if there are any, otherwise by all.
  std::int64_t first_of_rest() const {
    const auto slots = cameras_[0].slots.size(1);
    return options_.resampler.latents > slots ? slots : 0;
  }

  at::Tensor latents_of(const Worker& worker, std::size_t camera, std::span<const std::int64_t> frames) const {
    const auto tokens = camera == 0 ? tokens_.static_camera(frames) : tokens_.gripper_camera(frames);
    return worker.resampler->forward(tokens.to(at::kFloat));
  }

  // [B, S, C]: latent i about slot i.
  at::Tensor read_slots(const Worker& worker, std::size_t camera, const at::Tensor& latents) const {
    const auto prefix = cameras_[camera].name + "_slots.";
    return at::linear(latents.narrow(1, 0, cameras_[camera].slots.size(1)), worker.leaves.at(prefix + "weight"),
                      worker.leaves.at(prefix + "bias"));
  }

  at::Tensor loss_of(const Worker& worker, std::span<const std::int64_t> frames) const {
    const auto index = at::tensor(std::vector<std::int64_t>(frames.begin(), frames.end()));
    at::Tensor total;
    for (std::size_t i = 0; i < 2; ++i) {
      const auto& camera = cameras_[i];
      const auto latents = latents_of(worker, i, frames);
      const auto truth = (camera.slots.index_select(0, index) - normals_[i].mean) / normals_[i].scale;
      const auto error = at::smooth_l1_loss(read_slots(worker, i, latents), truth, at::Reduction::None, kSlotBeta);
      const auto slots = (error * camera.slot_weights.index_select(0, index)).mean();
      const auto others = latents.slice(1, first_of_rest());
      const auto rest = (at::smooth_l1_loss(read_latents(worker.leaves, camera.name + "_rest.", others),
                                            camera.rest.index_select(0, index), at::Reduction::None, kSlotBeta) *
                         camera.rest_weights.index_select(0, index))
                            .mean();
      const auto loss = 4 * slots + rest;
      total = total.defined() ? total + loss : loss;
    }
    return total;
  }

  const ObjectLatentsOptions options_;
  const FrameTokens& tokens_;
  std::array<SlotCamera, 2> cameras_;
  std::array<Normal, 2> normals_;
  FlatParameters parameters_;
  FlatAdam adam_;
  std::vector<Worker> workers_;
  std::vector<std::int64_t> training_, held_out_;
};

}  // namespace

std::map<std::string, at::Tensor> train_object_latents(const FrameStore& store, const FrameTokens& tokens,
                                                       const std::map<std::string, at::Tensor>& start,
                                                       const ObjectLatentsOptions& options,
                                                       const std::function<void(const ObjectLatentsProgress&)>& report,
                                                       const std::stop_token& stop) {
  const SingleThreadedMath single;
  keep_freed_memory();
  LatentLearner learner(store, tokens, start, options);
  ObjectLatentsProgress progress{0, options.steps};
  double sum = 0;
  std::int64_t summed = 0;
  for (std::int64_t step = 0; step < options.steps; ++step) {
    sum += learner.step(step, stop);
    ++summed;
    if ((step + 1) % options.log_every != 0 && step + 1 != options.steps) continue;
    progress.step = step + 1;
    progress.loss = sum / static_cast<double>(summed);
    sum = 0;
    summed = 0;
    learner.measure(progress);
    if (report) report(progress);
  }
  return learner.resampler();
}

}  // namespace deer
