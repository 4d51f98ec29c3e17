// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/vision/vision_learner.h"

#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/model/torch_compat.h"
#include "core/train/base/parallel_work.h"
#include "core/train/base/seeded_random.h"
#include "core/train/vision/block_slots.h"
#include "core/train/vision/resampler_pretraining.h"
#include "core/train/vision/vision_points.h"
#include "core/train/vision/vision_tower_pass.h"

namespace deer {
namespace {

constexpr double kHuberBeta = 0.1;  // in standard deviations: errors of millimetres must still matter

std::vector<ParameterSpec> all_specs(const VisionPretrainingOptions& options,
                                     const std::array<VisionCamera, 2>& cameras) {
  auto specs = vision_tower_specs(options.vision);
  for (const auto& camera : cameras) {
    for (auto& spec : state_reader_specs(camera.prefix(), camera.sizes)) specs.push_back(std::move(spec));
  }
  for (const auto& camera : cameras) {
    if (!camera.patches.defined()) continue;
    for (auto& spec : patch_reader_specs(camera.patch_prefix(), options.vision.width)) specs.push_back(std::move(spec));
  }
  if (options.resampler) {
    for (auto& spec : resampler_specs(*options.resampler)) specs.push_back(std::move(spec));
    for (const auto& camera : cameras) {
      for (auto& spec : latent_reader_specs(camera.latent_prefix(), *options.resampler, camera.sizes.outputs)) {
        specs.push_back(std::move(spec));
      }
    }
  }
  return specs;
}

at::Tensor index_of(std::span<const std::int64_t> frames) {
  return at::from_blob(const_cast<std::int64_t*>(frames.data()), {static_cast<std::int64_t>(frames.size())}, at::kLong)
      .clone();
}

// Lower bound of the standard deviation: a constant quantity must not be amplified.
double smallest_scale(VisionTarget::Kind kind) {
  switch (kind) {
    case VisionTarget::Kind::vector:
    case VisionTarget::Kind::length:
      return 0.002;  // metres
    case VisionTarget::Kind::angle:
      return 0.02;
    default:
      return 0.1;
  }
}

VisionCamera make_camera(std::string name, const at::Tensor& images, CameraTargets targets, const at::Tensor& points,
                         const std::vector<std::int64_t>& training_frames, const VisionPretrainingOptions& options) {
  VisionCamera out;
  out.name = std::move(name);
  out.images = images;
  out.targets = std::move(targets);
  out.points = options.point_weight > 0 ? points : points.narrow(1, 0, 0);

  const auto index = index_of(training_frames);
  const auto values = out.targets.values.index_select(0, index).to(at::kDouble);
  const auto weights = out.targets.weights.index_select(0, index).to(at::kDouble);
  const auto total = weights.sum(0).clamp_min(1e-12);
  const auto mean = (values * weights).sum(0) / total;
  out.mean = mean.to(at::kFloat);
  out.scale = ((values - mean).square() * weights).sum(0).div(total).sqrt().to(at::kFloat);
  for (const auto& quantity : out.targets.quantities) {
    out.scale.narrow(0, quantity.column, quantity.columns).clamp_min_(smallest_scale(quantity.kind));
  }

  out.sizes.width = options.vision.width;
  out.sizes.heads = options.vision.heads;
  out.sizes.points = out.points.size(1);
  out.sizes.outputs = out.targets.columns();
  return out;
}

std::array<VisionCamera, 2> make_cameras(const FrameStore& store, const std::vector<std::int64_t>& training_frames,
                                         const VisionPretrainingOptions& options) {
  const auto& robot = store.robot_obs();
  const auto& scene = store.scene_obs();
  const auto slots = block_slots(scene, store.blocks());
  const bool by_patch = slots.defined() && options.patch_weight > 0;
  auto static_points = static_camera_points(robot, scene), gripper_points = gripper_camera_points(robot, scene);
  if (by_patch) {  // the TCP only
    static_points = static_points.narrow(1, 0, 1);
    gripper_points = gripper_points.narrow(1, 0, 0);
  }
  std::array<VisionCamera, 2> out{
      make_camera("static", store.static_images(), static_camera_targets(robot, scene, !by_patch), static_points,
                  training_frames, options),
      make_camera("gripper", store.gripper_images(), gripper_camera_targets(robot, scene, !by_patch), gripper_points,
                  training_frames, options)};
  if (by_patch) {
    out[0].patches = static_camera_labels(slots);
    out[1].patches = gripper_camera_labels(robot, slots);
  }
  out[0].shift = options.static_shift;
  out[1].shift = options.gripper_shift;
  return out;
}

}  // namespace

struct VisionLearner::Worker {
  at::Tensor gradients;                            // float32 [P]
  at::Tensor tower_values, tower_gradients;        // [P] used by the tower: float32 or bfloat16
  std::map<std::string, at::Tensor> leaves;        // float32
  std::map<std::string, at::Tensor> tower_leaves;  // the same or bfloat16
  std::optional<PerceiverResampler> resampler;     // on the leaves
  double loss = 0;
};

VisionLearner::VisionLearner(const FrameStore& store, const std::vector<std::int64_t>& training_frames,
                             const VisionPretrainingOptions& options)
    : options_(options),
      cameras_(make_cameras(store, training_frames, options)),
      parameters_(all_specs(options, cameras_), options.seed),
      gradients_(at::zeros_like(parameters_.values())) {
  for (int i = worker_count(options.workers); i > 0; --i) {
    auto worker = std::make_unique<Worker>();
    worker->gradients = at::zeros_like(gradients_);
    worker->leaves = parameters_.leaves(parameters_.values(), worker->gradients);
    worker->tower_values = parameters_.values();
    worker->tower_gradients = worker->gradients;
    worker->tower_leaves = worker->leaves;
    if (options.bfloat16) {
      worker->tower_values = at::zeros_like(parameters_.values(), at::kBFloat16);
      worker->tower_gradients = at::zeros_like(worker->tower_values);
      worker->tower_leaves = parameters_.leaves(worker->tower_values, worker->tower_gradients);
    }
    if (options.resampler) worker->resampler = make_resampler(*options.resampler, worker->leaves);
    workers_.push_back(std::move(worker));
  }
}

VisionLearner::~VisionLearner() = default;

std::map<std::string, at::Tensor> VisionLearner::taught() const {
  std::map<std::string, at::Tensor> out;
  for (const auto& [name, tensor] : parameters_.views(parameters_.values())) {
    if (name.starts_with(kVisionPrefix) || name.starts_with(kResamplerPrefix)) out[name] = tensor.clone();
  }
  return out;
}

void VisionLearner::share_out(std::int64_t count, const std::stop_token& stop,
                              const std::function<void(Worker&, std::int64_t, std::int64_t)>& work) {
  const auto part = options_.frames_per_pass;
  const auto stride = part * static_cast<std::int64_t>(workers_.size());
  run_on_threads(static_cast<int>(workers_.size()), [&](int number) {
    auto& worker = *workers_[static_cast<std::size_t>(number)];
    if (options_.bfloat16) worker.tower_values.copy_(parameters_.values());
    // A fixed share per thread keeps sums in the same order in every run.
    for (auto first = number * part; first < count; first += stride) {
      if (stop.stop_requested()) throw Cancelled();
      work(worker, first, std::min(part, count - first));
    }
  });
}

VisionLearner::Changes VisionLearner::draw_changes(const VisionCamera& camera, std::span<const std::int64_t> frames,
                                                   std::int64_t step) const {
  Changes out;
  const std::uint64_t which = &camera == &cameras_[0] ? 0 : 1;
  for (const auto frame : frames) {
    SeededRandom random{options_.seed, static_cast<std::uint64_t>(step), static_cast<std::uint64_t>(frame), which};
    const auto pixels = [&] { return static_cast<int>(random.below(2 * camera.shift + 1)) - camera.shift; };
    const int x = pixels();
    out.shifts.push_back({x, pixels()});
    const double contrast = 1 + random.uniform(-options_.contrast, options_.contrast);
    const double brightness = random.uniform(-options_.brightness, options_.brightness);
    ColourChange colours;
    for (std::size_t i = 0; i < 3; ++i) {
      colours.gain[i] = static_cast<float>(contrast * (1 + random.uniform(-options_.colour, options_.colour)));
      colours.offset[i] = static_cast<float>(brightness + 0.5 * (1 - contrast));
    }
    out.colours.push_back(colours);
  }
  return out;
}

at::Tensor VisionLearner::value_loss(const VisionCamera& camera, const at::Tensor& values,
                                     std::span<const std::int64_t> frames) const {
  const auto index = index_of(frames);
  const auto truth = (camera.targets.values.index_select(0, index) - camera.mean) / camera.scale;
  const auto error = at::smooth_l1_loss(values, truth, at::Reduction::None, kHuberBeta);
  const auto weights = camera.targets.weights.index_select(0, index);
  return (error * weights).sum() / static_cast<double>(truth.size(1));
}

at::Tensor VisionLearner::moved(const at::Tensor& points, std::span<const std::int64_t> frames,
                                const Changes& changes) const {
  auto out = points.index_select(0, index_of(frames));
  for (std::size_t i = 0; i < changes.shifts.size(); ++i) {
    const double unit = -2.0 / static_cast<double>(options_.vision.image_size);
    const auto row = out.select(0, static_cast<std::int64_t>(i));
    row.select(1, 0) += unit * changes.shifts[i].x;
    row.select(1, 1) += unit * changes.shifts[i].y;
  }
  return out;
}

at::Tensor VisionLearner::point_loss(const VisionCamera& camera, const at::Tensor& looks,
                                     const at::Tensor& points) const {
  const auto side = options_.vision.image_size / options_.vision.patch_size;
  const auto missed = -(patch_shares(points, side) * looks).sum(2);
  const auto visible = points.select(2, 2);
  return (missed * visible).sum() * (options_.point_weight / static_cast<double>(camera.sizes.points));
}

at::Tensor VisionLearner::pass(Worker& worker, std::span<const std::int64_t> frames, const std::int64_t* step,
                               VisionReading* reading) const {
  const auto count = static_cast<std::int64_t>(frames.size());
  std::array<Changes, 2> changes;
  std::vector<at::Tensor> images;
  for (std::size_t i = 0; i < cameras_.size(); ++i) {
    if (step != nullptr) changes[i] = draw_changes(cameras_[i], frames, *step);
    images.push_back(read_images(cameras_[i].images, frames, changes[i].shifts, changes[i].colours));
  }
  const auto tokens = tower_tokens(options_.vision, worker.leaves, worker.tower_leaves, at::cat(images));
  at::Tensor latents;
  if (worker.resampler) {
    const AutocastGuard autocast(at::kCPU, options_.bfloat16 ? at::kBFloat16 : at::kFloat);
    latents = worker.resampler->forward(tokens).to(at::kFloat);
  }
  auto total = at::zeros({});
  for (std::size_t i = 0; i < cameras_.size(); ++i) {
    const auto& camera = cameras_[i];
    const auto first = static_cast<std::int64_t>(i) * count;
    const auto learn = [&](const at::Tensor& values, std::size_t place) {
      if (reading != nullptr) reading->values[place] = values * camera.scale + camera.mean;
      total = total + value_loss(camera, values, frames);
    };
    const auto own = tokens.narrow(0, first, count);
    const auto state = read_state(worker.leaves, camera.prefix(), camera.sizes, own);
    learn(state.values, i);
    if (step != nullptr && camera.sizes.points > 0) {
      total = total + point_loss(camera, state.looks, moved(camera.points, frames, changes[i]));
    }
    if (camera.patches.defined()) {
      const auto read = read_patches(worker.leaves, camera.patch_prefix(), own);
      if (reading != nullptr) reading->patches[i] = read;
      total = total + options_.patch_weight * patch_loss(read, moved(camera.patches.points, frames, changes[i]),
                                                         camera.patches.values.index_select(0, index_of(frames)));
    }
    if (worker.resampler) {
      const auto values = read_latents(worker.leaves, camera.latent_prefix(), latents.narrow(0, first, count));
      learn(values, cameras_.size() + i);
    }
  }
  return total;
}

double VisionLearner::compute_gradients(std::span<const std::int64_t> frames, std::int64_t step,
                                        const std::stop_token& stop) {
  const auto count = static_cast<std::int64_t>(frames.size());
  for (auto& worker : workers_) {
    worker->gradients.zero_();
    worker->tower_gradients.zero_();
    worker->loss = 0;
  }
  share_out(count, stop, [&](Worker& worker, std::int64_t first, std::int64_t many) {
    const c10::AutoGradMode with_gradients(true);
    const auto part = frames.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(many));
    const auto loss = pass(worker, part, &step, nullptr) / static_cast<double>(count);
    loss.backward();
    if (options_.bfloat16) {
      worker.gradients.add_(worker.tower_gradients);
      worker.tower_gradients.zero_();
    }
    worker.loss += loss.item<double>();
  });
  gradients_.zero_();
  double loss = 0;
  for (const auto& worker : workers_) {
    gradients_.add_(worker->gradients);
    loss += worker->loss;
  }
  return loss;
}

VisionReading VisionLearner::read(std::span<const std::int64_t> frames, const std::stop_token& stop) {
  const auto count = static_cast<std::int64_t>(frames.size());
  VisionReading out;
  for (std::size_t i = 0; i < cameras_.size(); ++i) {
    out.values[i] = at::empty({count, cameras_[i].sizes.outputs}, at::kFloat);
    if (options_.resampler) out.values[cameras_.size() + i] = at::empty_like(out.values[i]);
  }
  std::array<std::vector<at::Tensor>, 2> patches;
  for (auto& parts : patches) {
    parts.resize(static_cast<std::size_t>((count + options_.frames_per_pass - 1) / options_.frames_per_pass));
  }
  for (auto& worker : workers_) worker->loss = 0;
  share_out(count, stop, [&](Worker& worker, std::int64_t first, std::int64_t many) {
    const c10::NoGradGuard no_gradients;
    const auto part = frames.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(many));
    VisionReading read;
    worker.loss += pass(worker, part, nullptr, &read).item<double>();
    for (std::size_t i = 0; i < read.values.size(); ++i) {
      if (read.values[i].defined()) out.values[i].narrow(0, first, many).copy_(read.values[i]);
    }
    for (std::size_t i = 0; i < read.patches.size(); ++i) {
      if (read.patches[i].defined())
        patches[i][static_cast<std::size_t>(first / options_.frames_per_pass)] = read.patches[i];
    }
  });
  for (std::size_t i = 0; i < patches.size(); ++i) {
    if (cameras_[i].patches.defined()) out.patches[i] = at::cat(patches[i]);
  }
  for (const auto& worker : workers_) out.loss += worker->loss;
  return out;
}

}  // namespace deer
