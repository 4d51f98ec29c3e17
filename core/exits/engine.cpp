// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/exits/engine.h"

#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/error.h"
#include "core/exits/gate_file.h"
#include "core/exits/patch_attention.h"
#include "core/exits/replayer.h"
#include "core/exits/rollout.h"
#include "core/model/camera_encoder.h"
#include "core/model/cpu_setup.h"
#include "core/model/device.h"
#include "core/model/image_preprocess.h"
#include "core/model/model_loader.h"
#include "core/model/text/tokenizer_prompt.h"

namespace deer {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// Milliseconds since the last call, for one stage after another.
class StageClock {
 public:
  explicit StageClock(at::Device device) : device_(device) {}
  double lap() {
    synchronize(device_);
    const auto now = Clock::now();
    const double out = std::chrono::duration<double, std::milli>(now - last_).count();
    last_ = now;
    return out;
  }

 private:
  at::Device device_;
  Clock::time_point last_ = Clock::now();
};

// The given tokenizer, or the one next to the weights or in a folder of the language model.
PromptEncoder open_tokenizer(const fs::path& model, const fs::path& named, const ModelConfig& config) {
  const auto places = named.empty() ? tokenizer_places(model) : std::vector<fs::path>{named};
  for (const auto& file : places) {
    if (!fs::exists(file)) continue;
    PromptEncoder encoder(Tokenizer::load(file), static_cast<std::size_t>(config.tokens.max_length));
    const auto& ids = encoder.ids();
    const auto& expected = config.tokens;
    if (ids.image != expected.image || ids.end_of_chunk != expected.end_of_chunk ||
        ids.end_of_text != expected.end_of_text || ids.padding != expected.pad) {
      throw FileError(file, "gives '<image>' the id " + std::to_string(ids.image) + " and '<|endofchunk|>' " +
                                std::to_string(ids.end_of_chunk) + ", but the model's config says " +
                                std::to_string(expected.image) + " and " + std::to_string(expected.end_of_chunk));
    }
    return encoder;
  }
  throw FileError(places.front(),
                  "does not exist: instructions cannot be turned into token ids (copy the language "
                  "model's tokenizer.json there, or name it with --tokenizer)");
}

// If memory is insufficient, automatic choices are revised: first the CPU instead of the GPU, then a 16-bit type.
// Explicit choices of the user are never changed.
LoadedModel load_what_fits(ModelFiles& files, LoadOptions options) {
  while (true) {
    try {
      return load_model(files, options);
    } catch (const OutOfMemory& error) {
      if (options.device == "auto" && resolve_device("auto").is_cuda()) {
        options.device = "cpu";
      } else if (options.dtype == "auto") {
        options.dtype = "bfloat16";
      } else {
        throw;
      }
      files.config.note += (files.config.note.empty() ? "" : "; ") + std::string("loaded on ") + options.device +
                           " in " + options.dtype + ": " + error.what();
    }
  }
}

// For a step that repeats the last prediction: the network must not be used.
class NoFeatures final : public FeatureSource {
 public:
  at::Tensor pooled(int) override { throw Error("a repeated step requested a feature"); }
};

class ModelEngine final : public Engine {
 public:
  /// `encoder` is empty for a model with heads only.
  ModelEngine(const fs::path& path, std::optional<PromptEncoder> encoder, LoadedModel loaded)
      : encoder_(encoder ? std::make_shared<const PromptEncoder>(std::move(*encoder)) : nullptr),
        model_(std::move(loaded.model)),
        gates_(path, model_->exit_layers(), static_cast<std::size_t>(model_->config().decoder.d_model),
               model_->shared_head() != nullptr ? state_size(*model_->shared_head()) : 0),
        rollout_(*model_),
        cameras_(*model_) {
    const auto& config = model_->config();
    summary_.name = config.name;
    if (summary_.name.empty()) summary_.name = fs::absolute(path).lexically_normal().filename().string();
    if (summary_.name.empty()) summary_.name = fs::absolute(path).lexically_normal().parent_path().filename().string();
    summary_.path = path;
    summary_.family = to_string(config.decoder.family);
    summary_.note = config.note;
    summary_.exit_layers = model_->exit_layers();
    summary_.layers = model_->layers();
    summary_.d_model = static_cast<int>(config.decoder.d_model);
    summary_.image_size = static_cast<int>(config.vision.image_size);
    summary_.parameters = loaded.parameters;
    summary_.weight_bytes = loaded.weight_bytes;
    summary_.device = device_label(model_->device());
    summary_.dtype = dtype_name(model_->dtype());
    summary_.load_ms = loaded.load_ms;
    summary_.unused_tensors = std::move(loaded.unused);
    if (!summary_.unused_tensors.empty()) {
      if (!summary_.note.empty()) summary_.note += "; ";
      summary_.note += std::to_string(summary_.unused_tensors.size()) + " tensors in its files are unused";
    }
    summary_.suggested_thresholds = config.suggested_thresholds;
    summary_.config = std::make_shared<const ModelConfig>(config);
    find_own_gate();
    ExitPolicy policy;
    if (!config.suggested_thresholds.empty()) {
      policy.thresholds = config.suggested_thresholds;
    } else {
      // Without thresholds every frame goes to the deepest exit.
      policy.thresholds.assign(summary_.exit_layers.size(), kNeverLeave);
      policy.thresholds.back() = kAlwaysLeave;
    }
    if (model_->shared_head() == nullptr || summary_.exit_layers.front() == 0) policy.criterion = Criterion::fixed_exit;
    rollout_.set_policy(policy);
  }

  /// Another rollout of `other`'s model.
  struct Another {
    const ModelEngine& other;
  };
  explicit ModelEngine(Another another)
      : encoder_(another.other.encoder_),
        model_(another.other.model_),
        summary_(another.other.summary_),
        gates_(another.other.gates_),
        rollout_(*model_),
        cameras_(*model_) {
    rollout_.set_policy(another.other.policy());
  }

  const ModelSummary& summary() const override { return summary_; }
  void set_policy(const ExitPolicy& policy) override { rollout_.set_policy(gates_.load(policy)); }
  const ExitPolicy& policy() const override { return rollout_.policy(); }
  void reset() override {
    rollout_.reset();
    instruction_.reset();
  }

  FrameRecordPtr step(const FrameInput& input, RunMode mode, std::stop_token stop) override {
    try {
      return guarded_step(intervention_.empty() ? input : apply(intervention_, input), mode, std::move(stop));
    } catch (const c10::OutOfMemoryError& error) {
      throw OutOfMemory("frame " + std::to_string(input.frame) + " needs more memory than " + summary_.device +
                        " has free: " + printable(error.what_without_backtrace(), 300) +
                        "; try a smaller max layer or bfloat16");
    } catch (const c10::Error& error) {
      throw Error("frame " + std::to_string(input.frame) +
                  ": LibTorch failed: " + printable(error.what_without_backtrace(), 300));
    }
  }

  std::unique_ptr<Engine> another() const override { return std::make_unique<ModelEngine>(Another{*this}); }

  RolloutState state() const override {
    auto out = rollout_.snapshot();
    out.instruction = instruction_;
    return out;
  }

  void restore(const RolloutState& state) override {
    if (!encoder_) throw Error("only the action heads of this model are loaded: no rollout can be continued");
    const c10::NoGradGuard no_grad;
    PreparedText text;
    if (state.instruction) text = prepare(*state.instruction);
    rollout_.restore(state);
    text_ = std::move(text);
    instruction_ = state.instruction;
  }

  void set_intervention(const Intervention& intervention) override {
    if (!intervention.knockouts.empty() && encoder_) {
      PreparedText nothing;
      DecoderPass(*model_, nothing, at::zeros({1, 2, 1})).hide(hidden_cameras(intervention));
    }
    intervention_ = intervention;
  }

  AttentionMap attend(const FrameInput& input, int exit_layer, std::stop_token stop) override {
    try {
      check_runnable(input);
      const c10::NoGradGuard no_grad;
      const bool same_text = instruction_ && *instruction_ == input.instruction;
      const auto text = same_text ? text_ : prepare(input.instruction);
      if (stop.stop_requested()) throw Cancelled();
      // Attention is most likely asked for the frame of the last step.
      auto out = patch_attention(*model_, cameras_.tokens(input.rgb_static, input.rgb_gripper), text, exit_layer,
                                 std::move(stop));
      out.frame = input.frame;
      const auto size = summary_.image_size;
      out.views[0].grid = visible_crop(input.rgb_static->width, input.rgb_static->height, size);
      out.views[1].grid = visible_crop(input.rgb_gripper->width, input.rgb_gripper->height, size);
      return out;
    } catch (const c10::Error& error) {
      throw Error("attention of frame " + std::to_string(input.frame) +
                  ": LibTorch failed: " + printable(error.what_without_backtrace(), 300));
    }
  }

  std::vector<FrameRecordPtr> replay(std::span<const FrameRecordPtr> records, const ExitPolicy& policy,
                                     std::stop_token stop) const override {
    Rollout rollout(*model_);
    rollout.set_policy(gates_.load(policy));
    std::vector<FrameRecordPtr> out;
    out.reserve(records.size());
    for (const auto& record : records) {
      if (stop.stop_requested()) throw Cancelled();
      if (record->step == 0) rollout.reset();
      RecordedFeatures features(*record, model_->device());
      auto replayed = rollout.step(features, RunMode::probe, record->frame);
      replayed.frame = record->frame;
      replayed.prompt_tokens = record->prompt_tokens;
      out.push_back(std::make_shared<const FrameRecord>(std::move(replayed)));
    }
    return out;
  }

  void replay_many(const ReplayFrames& frames, std::span<const ExitPolicy> policies, const ReplaySink& sink,
                   std::stop_token stop) const override {
    std::vector<ExitPolicy> loaded;
    for (const auto& policy : policies) loaded.push_back(gates_.load(policy));
    try {
      deer::replay_many(*model_, frames, loaded, sink, stop);
    } catch (const c10::Error& error) {
      throw Error("replay: LibTorch failed: " + printable(error.what_without_backtrace(), 300));
    }
  }

  std::unique_ptr<Replayer> replayer(ReplayFrames frames) const override {
    return make_replayer(*model_, std::move(frames), [this](const ExitPolicy& policy) { return gates_.load(policy); });
  }

 private:
  FrameRecordPtr guarded_step(const FrameInput& input, RunMode mode, std::stop_token stop) {
    if (stop.stop_requested()) throw Cancelled();
    check_runnable(input);
    const c10::NoGradGuard no_grad;
    const bool new_instruction = !instruction_ || *instruction_ != input.instruction;
    // The old rollout is kept until the new text is known to be valid.
    PreparedText text = new_instruction ? prepare(input.instruction) : text_;

    if (!new_instruction && mode == RunMode::policy && rollout_.repeats_next()) {
      NoFeatures none;
      auto repeated = rollout_.step(none, mode, input.frame);
      repeated.frame = input.frame;
      return std::make_shared<const FrameRecord>(std::move(repeated));
    }

    StageTimes times;
    StageClock clock(model_->device());
    times.reused_pictures = cameras_.look(input.rgb_static, input.rgb_gripper);
    times.preprocess_ms = clock.lap();
    if (stop.stop_requested()) throw Cancelled();
    cameras_.encode();
    times.vision_ms = clock.lap();
    if (stop.stop_requested()) throw Cancelled();
    auto media = cameras_.media();
    times.resampler_ms = clock.lap();

    DecoderPass pass(*model_, text, std::move(media), std::move(stop));
    if (!intervention_.knockouts.empty()) pass.hide(hidden_cameras(intervention_));
    DecoderFeatures features(pass);
    FrameRecord record;
    if (new_instruction) {
      Rollout fresh(*model_);
      fresh.set_policy(rollout_.policy());
      record = fresh.step(features, mode, input.frame);
      rollout_ = std::move(fresh);
      text_ = std::move(text);
      instruction_ = input.instruction;
    } else {
      record = rollout_.step(features, mode, input.frame);
    }
    if (std::any_of(record.action.begin(), record.action.end(), [](float value) { return !std::isfinite(value); })) {
      throw Error("frame " + std::to_string(input.frame) +
                  ": the predicted action is not a number (are the weights damaged?)");
    }
    times.llm_ms = features.milliseconds();
    times.head_ms = record.times.head_ms - times.llm_ms;
    record.times = times;
    record.frame = input.frame;
    record.prompt_tokens = static_cast<int>(text_.input_ids.size(1));
    return std::make_shared<const FrameRecord>(std::move(record));
  }

  static std::vector<HiddenCamera> hidden_cameras(const Intervention& intervention) {
    std::vector<HiddenCamera> out;
    for (const auto& one : intervention.knockouts) {
      out.push_back({one.first_layer, one.last_layer, one.head, one.camera == CameraName::gripper});
    }
    return out;
  }

  // A broken gate must not keep the model from being used.
  void find_own_gate() {
    if (model_->shared_head() == nullptr) return;
    try {
      summary_.gate = gates_.own();
    } catch (const Error& error) {
      summary_.note +=
          (summary_.note.empty() ? "" : "; ") + std::string("its learned gate is not used: ") + error.what();
    }
  }

  void check_runnable(const FrameInput& input) const {
    if (!encoder_) throw Error("only the action heads of this model are loaded: it can replay but not run");
    if (!input.rgb_static) throw Error("frame " + std::to_string(input.frame) + " has no static camera image");
    if (!input.rgb_gripper) {
      throw Error(
          "frame " + std::to_string(input.frame) +
          " has no gripper camera image, which this model needs: give a second video or folder, or map a camera");
    }
  }

  PreparedText prepare(const std::string& instruction) const {
    // The reference uses an instruction's first line.
    const auto ids = encoder_->encode(instruction.substr(0, instruction.find('\n')));
    const auto input_ids = at::tensor(ids, at::kLong).unsqueeze(0);
    return model_->prepare_text(input_ids, at::ones_like(input_ids));
  }

  std::shared_ptr<const PromptEncoder> encoder_;  // null: only the heads are loaded
  std::shared_ptr<const MultiExitModel> model_;
  ModelSummary summary_;
  mutable ModelGates gates_;
  Rollout rollout_;
  CameraEncoder cameras_;
  std::optional<std::string> instruction_;
  PreparedText text_;
  Intervention intervention_;
};

// For engines that replay one policy at a time.
class PlainReplayer final : public Replayer {
 public:
  PlainReplayer(const Engine& engine, ReplayFrames frames) : engine_(engine), frames_(std::move(frames)) {}

  const std::vector<FrameRecordPtr>& update(const ExitPolicy& policy, std::stop_token stop) override {
    return records_ = engine_.replay(frames_.read(0, frames_.count()), policy, std::move(stop));
  }
  const std::vector<FrameRecordPtr>& records() const override { return records_; }
  std::int64_t frames_run() const override { return frames_.count(); }

 private:
  const Engine& engine_;
  const ReplayFrames frames_;
  std::vector<FrameRecordPtr> records_;
};

}  // namespace

void Engine::set_intervention(const Intervention& intervention) {
  if (!intervention.empty()) throw Error("this model does not provide interventions");
}

AttentionMap Engine::attend(const FrameInput&, int, std::stop_token) {
  throw Error("this model does not provide attention");
}

std::unique_ptr<Engine> Engine::another() const { throw Error("this model does not provide a second rollout"); }

RolloutState Engine::state() const { throw Error("this model does not provide the state of its rollout"); }

void Engine::restore(const RolloutState&) { throw Error("this model does not provide continuing a rollout"); }

void Engine::replay_many(const ReplayFrames& frames, std::span<const ExitPolicy> policies, const ReplaySink& sink,
                         std::stop_token stop) const {
  const auto recorded = frames.read(0, frames.count());
  for (std::size_t number = 0; number < policies.size(); ++number) {
    auto replayed = replay(recorded, policies[number], stop);
    for (std::size_t i = 0; i < replayed.size(); ++i) {
      sink(number, static_cast<std::int64_t>(i), std::move(replayed[i]));
    }
  }
}

std::unique_ptr<Replayer> Engine::replayer(ReplayFrames frames) const {
  return std::make_unique<PlainReplayer>(*this, std::move(frames));
}

std::unique_ptr<Engine> Engine::load(const fs::path& model, const EngineOptions& options,
                                     const ProgressCallback& progress, std::stop_token stop) {
  if (stop.stop_requested()) throw Cancelled();
  if (progress) progress("Reading the model's configuration", 0, 0);
  auto files = open_model_files(model);
  // Checked before loading the weights, which takes longer.
  const auto folder = fs::is_directory(model) ? model : model.parent_path();
  std::optional<PromptEncoder> encoder;
  if (!files.note.empty()) files.config.note += (files.config.note.empty() ? "" : "; ") + files.note;
  const auto& tokenizer = options.tokenizer.empty() ? files.tokenizer : options.tokenizer;
  if (!options.head_only) encoder = open_tokenizer(folder, tokenizer, files.config);
  LoadOptions load;
  load.device = options.device;
  load.dtype = options.dtype;
  load.max_layer = options.max_layer;
  load.parts = options.head_only ? ModelParts::heads : ModelParts::whole;
  load.stop = stop;
  if (progress) {
    load.progress = [&](std::int64_t done, std::int64_t total) { progress("Loading weights", done, total); };
  }
  auto loaded = load_what_fits(files, load);
  choose_threads_for(loaded.parameters);
  return std::make_unique<ModelEngine>(folder, std::move(encoder), std::move(loaded));
}

}  // namespace deer
