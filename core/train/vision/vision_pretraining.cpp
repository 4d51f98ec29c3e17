// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/vision/vision_pretraining.h"

#include <chrono>
#include <cmath>
#include <fstream>
#include <numbers>
#include <sstream>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/model/weights/tensor_archive.h"
#include "core/train/base/parallel_work.h"
#include "core/train/base/seeded_random.h"
#include "core/train/vision/block_slots.h"
#include "core/train/vision/vision_learner.h"

namespace deer {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kTowerFile = "vision.safetensors";
constexpr const char* kStateFile = "state.safetensors";
constexpr const char* kLogFile = "log.csv";
constexpr const char* kValidationFile = "validation.csv";

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct FrameSplit {
  std::vector<std::int64_t> training, validation;
};

FrameSplit split_frames(const FrameStore& store, const VisionPretrainingOptions& options) {
  const auto& stretches = store.stretches();
  const bool named =
      std::any_of(stretches.begin(), stretches.end(), [](const auto& s) { return s.split == "validation"; });
  const auto every = std::max<std::int64_t>(2, std::llround(1 / std::max(options.validation_share, 1e-6)));
  FrameSplit out;
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    const auto& stretch = stretches[i];
    const bool held_out = named ? stretch.split == "validation" : static_cast<std::int64_t>(i) % every == every - 1;
    auto& side = held_out ? out.validation : out.training;
    for (auto frame = stretch.first; frame <= stretch.last; ++frame) side.push_back(frame);
  }
  if (out.validation.empty()) {  // too few recordings: use the end of the last
    const auto count = std::max<std::size_t>(1, out.training.size() / static_cast<std::size_t>(every));
    out.validation.assign(out.training.end() - static_cast<std::ptrdiff_t>(count), out.training.end());
    out.training.resize(out.training.size() - count);
  }
  if (out.training.empty()) throw Error("there are no frames for training: all are used for validation");
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(1, options.validation_frames));
  if (out.validation.size() > most) {
    std::vector<std::int64_t> some;
    for (std::size_t i = 0; i < most; ++i) some.push_back(out.validation[i * out.validation.size() / most]);
    out.validation = std::move(some);
  }
  return out;
}

void check(const FrameStore& store, const VisionPretrainingOptions& options) {
  const auto& vision = options.vision;
  if (vision.image_size != store.image_size()) {
    throw Error("the store's images are " + std::to_string(store.image_size()) + " pixels wide, the tower needs " +
                std::to_string(vision.image_size));
  }
  if (vision.patch_size < 1 || vision.image_size % vision.patch_size != 0 || vision.heads < 1 ||
      vision.width % vision.heads != 0 || vision.layers < 1) {
    throw Error("vision tower: patch_size must divide image_size, and heads must divide width");
  }
  if (options.steps < 1 || options.frames_per_step < 1 || options.frames_per_pass < 1) {
    throw Error("vision pretraining: steps, frames_per_step and frames_per_pass must be at least 1");
  }
  if (options.resampler && options.resampler->dim != vision.width) {
    throw Error("the resampler is " + std::to_string(options.resampler->dim) + " wide, the vision tower " +
                std::to_string(vision.width));
  }
  const auto finite = [](const at::Tensor& numbers) { return at::isfinite(numbers).all().item<bool>(); };
  if (!finite(store.robot_obs()) || !finite(store.scene_obs())) {
    throw FileError(store.folder(), "some frames have no robot_obs or scene_obs, which the vision stage needs");
  }
}

// Settings that must not change between a save and a resumed run.
std::string signature(const FrameStore& store, const VisionPretrainingOptions& o) {
  std::ostringstream out;
  out.precision(17);
  const auto& v = o.vision;
  out << store.id() << ' ' << v.image_size << ' ' << v.patch_size << ' ' << v.width << ' ' << v.layers << ' ' << v.heads
      << ' ' << v.mlp_width << ' ' << v.quick_gelu << ' ' << o.steps << ' ' << o.frames_per_step << ' '
      << o.learning_rate << ' ' << o.weight_decay << ' ' << o.warmup_steps << ' ' << o.gradient_norm << ' '
      << o.static_shift << ' ' << o.gripper_shift << ' ' << o.brightness << ' ' << o.contrast << ' ' << o.colour << ' '
      << o.point_weight << ' ';
  if (has_blocks(store.blocks())) out << o.patch_weight << ' ';  // without them, states of before do not name it
  out << o.seed << ' ' << o.validation_share << ' ' << o.bfloat16;
  if (const auto& r = o.resampler) {
    out << ' ' << r->dim << ' ' << r->depth << ' ' << r->dim_head << ' ' << r->heads << ' ' << r->latents << ' '
        << r->ff_mult;
  }
  return out.str();
}

// A growing table whose first column is the step. Rows after `step` are from a run that was interrupted after its last
// save.
class Table {
 public:
  Table(const fs::path& path, const std::string& title, std::int64_t step) : path_(path) {
    std::string kept = title + "\n";
    std::ifstream in(path);
    std::string line;
    std::getline(in, line);
    while (step > 0 && std::getline(in, line)) {
      if (std::strtoll(line.c_str(), nullptr, 10) <= step) kept += line + "\n";
    }
    in.close();
    write_file_atomically(path, kept);
    out_.open(path, std::ios::app);
  }
  std::ostream& row() { return out_; }
  void flush() {
    out_.flush();
    if (!out_) throw FileError(path_, "cannot be written");
  }

 private:
  fs::path path_;
  std::ofstream out_;
};

double learning_rate_at(const VisionPretrainingOptions& options, std::int64_t step) {
  if (step <= options.warmup_steps) {
    return options.learning_rate * static_cast<double>(step) / static_cast<double>(options.warmup_steps);
  }
  const auto span = std::max<std::int64_t>(1, options.steps - options.warmup_steps);
  const double done = static_cast<double>(step - options.warmup_steps) / static_cast<double>(span);
  return options.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * done));
}

class Run {
 public:
  Run(const FrameStore& store, const fs::path& folder, const VisionPretrainingOptions& options)
      : folder_(folder),
        options_(options),
        signature_(signature(store, options)),
        frames_(split_frames(store, options)),
        learner_(store, frames_.training, options),
        adam_(learner_.parameters().values().numel()) {
    resume();
    log_.emplace(folder / kLogFile, "step,loss,learning_rate,images_per_second,seconds", step_);
    // A finished run validates again.
    const auto validated = step_ == options.steps ? step_ - 1 : step_;
    validation_log_.emplace(folder / kValidationFile, "step,camera,quantity,error,unit", validated);
  }

  VisionValidation train(const VisionCallbacks& callbacks, const std::stop_token& stop) {
    const auto started = Clock::now();
    auto saved = started;
    auto reported = started;
    double loss = 0;
    std::int64_t losses = 0;
    std::optional<VisionValidation> last;
    try {
      while (step_ < options_.steps) {
        const double rate = learning_rate_at(options_, step_ + 1);
        loss += advance(rate, stop);
        ++losses;
        const bool end = step_ == options_.steps;
        if (step_ % options_.log_every == 0 || end) {
          const double elapsed = seconds_since(reported);
          VisionProgress now;
          now.step = step_;
          now.steps = options_.steps;
          now.loss = loss / static_cast<double>(losses);
          now.learning_rate = rate;
          now.images_per_second = static_cast<double>(2 * losses * options_.frames_per_step) / std::max(elapsed, 1e-9);
          now.seconds_left =
              static_cast<double>(2 * (options_.steps - step_) * options_.frames_per_step) / now.images_per_second;
          log_->row() << step_ << ',' << now.loss << ',' << rate << ',' << now.images_per_second << ','
                      << seconds_since(started) << '\n';
          log_->flush();
          if (callbacks.progress) callbacks.progress(now);
          loss = 0;
          losses = 0;
          reported = Clock::now();
        }
        if (step_ % options_.validate_every == 0 || end) {
          const auto before = Clock::now();
          last = validate(stop);
          if (callbacks.validation) callbacks.validation(*last);
          save();
          saved = Clock::now();
          reported += saved - before;  // not part of the training rate
        } else if (seconds_since(saved) > options_.save_every_s) {
          save();
          saved = Clock::now();
        }
      }
    } catch (const Cancelled&) {
      save();
      throw;
    }
    return last ? *last : validate(stop);
  }

 private:
  // Frames of step `step`: the training set in a new random order in each epoch.
  std::vector<std::int64_t> batch_of(std::int64_t step) {
    const auto total = static_cast<std::int64_t>(frames_.training.size());
    std::vector<std::int64_t> out;
    for (auto i = (step - 1) * options_.frames_per_step; i < step * options_.frames_per_step; ++i) {
      if (order_.empty() || i / total != order_epoch_) {
        order_epoch_ = i / total;
        order_ = SeededRandom{options_.seed, static_cast<std::uint64_t>(order_epoch_)}.permutation(total);
      }
      out.push_back(frames_.training[static_cast<std::size_t>(order_[static_cast<std::size_t>(i % total)])]);
    }
    return out;
  }

  double advance(double learning_rate, const std::stop_token& stop) {
    const auto batch = batch_of(step_ + 1);
    const double loss = learner_.compute_gradients(batch, step_ + 1, stop);
    if (!std::isfinite(loss)) {
      throw Error("vision pretraining: the loss is not finite at step " + std::to_string(step_ + 1) +
                  "; try a smaller learning rate");
    }
    ++step_;
    const double norm = learner_.gradients().norm().item<double>();
    const auto gradients = learner_.gradients() * std::min(1.0, options_.gradient_norm / std::max(norm, 1e-12));
    adam_.update(learner_.parameters(), gradients, step_, learning_rate, options_.weight_decay);
    return loss;
  }

  VisionValidation validate(const std::stop_token& stop) {
    const auto& frames = frames_.validation;
    const auto reading = learner_.read(frames, stop);
    VisionValidation out;
    out.step = step_;
    out.loss = reading.loss / static_cast<double>(frames.size());
    const auto index =
        at::from_blob(const_cast<std::int64_t*>(frames.data()), {static_cast<std::int64_t>(frames.size())}, at::kLong);
    for (std::size_t i = 0; i < reading.values.size(); ++i) {
      if (!reading.values[i].defined()) continue;  // no resampler
      const auto& camera = learner_.cameras()[i % learner_.cameras().size()];
      const auto name = camera.name + (i < learner_.cameras().size() ? "" : " latents");
      const auto& quantities = camera.targets.quantities;
      const auto errors = target_errors(quantities, reading.values[i], camera.targets.values.index_select(0, index),
                                        camera.targets.weights.index_select(0, index));
      for (std::size_t q = 0; q < errors.size(); ++q) {
        out.errors.push_back({name, quantities[q].name, quantities[q].unit(), errors[q]});
      }
    }
    for (std::size_t i = 0; i < reading.patches.size(); ++i) {
      if (!reading.patches[i].defined()) continue;
      const auto& camera = learner_.cameras()[i];
      const auto name = camera.name + " patches";
      const auto found = patch_errors(reading.patches[i], camera.patches, index);
      out.errors.push_back({name, "blocks", "mm", found.position_mm});
      out.errors.push_back({name, "blocks_yaw", "deg", found.yaw_deg});
      out.errors.push_back({name, "blocks_missed", "%", 100 * found.missed});
      out.errors.push_back({name, "blocks_invented", "%", 100 * found.invented});
    }
    for (const auto& error : out.errors) {
      validation_log_->row() << step_ << ',' << error.camera << ',' << error.quantity << ',' << error.error << ','
                             << error.unit << '\n';
    }
    validation_log_->row() << step_ << ",both,loss," << out.loss << ",\n";
    validation_log_->flush();
    return out;
  }

  void save() const {
    save_vision_tower(folder_ / kTowerFile, options_.vision, learner_.taught(), {{"step", std::to_string(step_)}});
    write_safetensors(folder_ / kStateFile,
                      {{"parameters", learner_.parameters().values()},
                       {"first_moment", adam_.first_moment},
                       {"second_moment", adam_.second_moment}},
                      {{"step", std::to_string(step_)}, {"signature", signature_}});
  }

  void resume() {
    const auto path = folder_ / kStateFile;
    if (!fs::exists(path)) return;
    const auto archive = TensorArchive::open(path);
    const JsonFields fields(path, archive->fields(), "__metadata__");
    if (fields.text("signature") != signature_) {
      throw FileError(path, "belongs to a run with other data or settings: delete it or train in another folder");
    }
    const auto restore = [&](const char* name, at::Tensor& to) {
      const auto from = archive->read(name);
      if (from.scalar_type() != at::kFloat || from.sizes() != to.sizes()) {
        throw FileError(path, "'" + std::string(name) + "' has " + std::to_string(from.numel()) +
                                  " numbers, expected " + std::to_string(to.numel()));
      }
      to.copy_(from);
    };
    restore("parameters", learner_.parameters().values());
    restore("first_moment", adam_.first_moment);
    restore("second_moment", adam_.second_moment);
    step_ = std::strtoll(fields.text("step").c_str(), nullptr, 10);
    if (step_ < 0 || step_ > options_.steps)
      throw FileError(path, "'step' is not in 0 to " + std::to_string(options_.steps));
  }

  const fs::path folder_;
  const VisionPretrainingOptions options_;
  const std::string signature_;
  const FrameSplit frames_;
  VisionLearner learner_;
  FlatAdam adam_;
  std::int64_t step_ = 0;
  std::vector<std::int64_t> order_;
  std::int64_t order_epoch_ = -1;
  std::optional<Table> log_, validation_log_;
};

}  // namespace

VisionValidation pretrain_vision(const FrameStore& store, const fs::path& folder,
                                 const VisionPretrainingOptions& options, const VisionCallbacks& callbacks,
                                 std::stop_token stop) {
  check(store, options);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw FileError(folder, "cannot be created: " + error.message());
  keep_freed_memory();
  std::optional<SingleThreadedMath> single;
  if (worker_count(options.workers) > 1) single.emplace();
  return Run(store, folder, options).train(callbacks, stop);
}

}  // namespace deer
