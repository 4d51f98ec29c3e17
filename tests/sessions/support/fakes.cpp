// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sessions/support/fakes.h"

#include <chrono>
#include <cmath>
#include <condition_variable>
#include <thread>

#include "core/base/error.h"

namespace deer::test {
namespace {

/// Waits `ms`, or without end for ms < 0. Throws Cancelled on a stop request.
void wait(std::stop_token stop, int ms, FakeControl& control) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  ++control.waiting;
  if (ms < 0) {
    wake.wait(lock, stop, [] { return false; });
  } else {
    wake.wait_for(lock, stop, std::chrono::milliseconds(ms), [] { return false; });
  }
  --control.waiting;
  if (stop.stop_requested()) throw Cancelled();
}

struct Rollout {
  double memory = 0;
  int step = 0;
  std::string instruction;
};

class FakeEngine final : public Engine {
 public:
  FakeEngine(FakeControlPtr control, const std::filesystem::path& path) : control_(std::move(control)) {
    summary_.name = path.filename().string();
    summary_.path = path;
    summary_.family = "MPT-1b";
    summary_.note = control_->note;
    for (int i = 0; i < control_->exits; ++i) summary_.exit_layers.push_back(2 * i + 1);
    summary_.layers = 2 * control_->exits;
    summary_.d_model = 8;
    summary_.image_size = 16;
    summary_.parameters = 12'345'678;
    summary_.weight_bytes = 49'382'712;
    summary_.device = "cpu";
    summary_.dtype = "float32";
    policy_.thresholds.assign(summary_.exit_layers.size(), 0.02);
  }

  const ModelSummary& summary() const override { return summary_; }
  const ExitPolicy& policy() const override { return policy_; }

  void set_policy(const ExitPolicy& policy) override {
    if (policy.criterion != Criterion::fixed_exit && policy.thresholds.size() != summary_.exit_layers.size()) {
      throw Error("the policy has " + std::to_string(policy.thresholds.size()) + " thresholds, the model has " +
                  std::to_string(summary_.exit_layers.size()) + " exits");
    }
    policy_ = policy;
  }

  void reset() override { rollout_ = {}; }
  void set_intervention(const Intervention& intervention) override {
    for (const auto& hidden : intervention.knockouts) {
      if (hidden.head && *hidden.head > 0) throw Error("the cross-attention has heads 0 to 0");
    }
    intervention_ = intervention;
  }

  /// Any intervention moves the features by a constant.
  FrameRecordPtr step(const FrameInput& seen, RunMode mode, std::stop_token stop) override {
    const auto input = apply(intervention_, seen);
    const double moved = intervention_.empty() ? 0 : 0.2;
    if (control_->block_steps) wait(stop, -1, *control_);
    if (const int ms = control_->step_ms; ms > 0) wait(stop, ms, *control_);
    if (stop.stop_requested()) throw Cancelled();
    if (control_->unrecorded_failure) throw std::runtime_error("tensor of a wrong shape");
    if (input.instruction != rollout_.instruction) rollout_ = {0, 0, input.instruction};
    auto record = std::make_shared<FrameRecord>();
    record->frame = input.frame;
    record->mode = mode;
    record->times = {0.5, 4, 1, 2, 0.5};
    for (const int layer : summary_.exit_layers) {
      ExitProbe probe;
      probe.layer = layer;
      for (int i = 0; i < summary_.d_model; ++i) {
        probe.feature.push_back(float(std::sin(0.11 * double(input.frame) + 0.4 * i) +
                                      std::cos(0.05 * double(input.frame) * i) / (layer + 1) + moved));
      }
      record->exits.push_back(std::move(probe));
    }
    decide(*record, policy_, rollout_);
    ++control_->steps;
    return record;
  }

  /// Two heads, one row of two patches: the first camera's first patch has (frame + layer) / 1000.
  AttentionMap attend(const FrameInput& input, int exit_layer, std::stop_token stop) override {
    ++control_->attended;
    if (control_->block_attention) wait(stop, -1, *control_);
    if (const int ms = control_->attend_ms; ms > 0) wait(stop, ms, *control_);
    if (input.frame == control_->bad_attention) throw Error("the weights are damaged");
    AttentionMap map;
    map.frame = input.frame;
    map.exit_layer = map.cross_layer = exit_layer;
    map.heads = 2;
    map.rows = 1;
    map.columns = 2;
    const auto first = static_cast<float>(input.frame + exit_layer) / 1000;
    map.views[0].weights = {first, 0.5F - first, first, 0.5F - first};
    map.views[1].weights = {0.25F, 0.25F, 0.5F, 0.0F};
    return map;
  }

  std::vector<FrameRecordPtr> replay(std::span<const FrameRecordPtr> records, const ExitPolicy& policy,
                                     std::stop_token stop) const override {
    ++control_->replays;
    Rollout rollout;
    std::vector<FrameRecordPtr> out;
    for (const auto& record : records) {
      if (const int ms = control_->replay_ms; ms > 0) wait(stop, ms, *control_);
      if (stop.stop_requested()) throw Cancelled();
      if (record->step == 0) rollout = {};
      auto copy = std::make_shared<FrameRecord>(*record);
      decide(*copy, policy, rollout);
      out.push_back(std::move(copy));
    }
    return out;
  }

 private:
  /// Actions of every exit from its feature and the memory; the exit taken moves the memory on.
  void decide(FrameRecord& record, const ExitPolicy& policy, Rollout& rollout) const {
    const bool fixed = policy.criterion == Criterion::fixed_exit;
    record.step = rollout.step;
    record.exit_index = -1;
    const auto forced = policy.forced_layers.find(record.frame);
    std::array<float, 6> before{};
    for (std::size_t i = 0; i < record.exits.size(); ++i) {
      auto& probe = record.exits[i];
      double sum = 0;
      std::array<float, 6> arm{};
      for (std::size_t a = 0; a < 6; ++a) {
        arm[a] = float(0.5 * std::tanh(probe.feature[a] + 0.3 * rollout.memory));
        sum += (arm[a] - before[a]) * (arm[a] - before[a]);
      }
      before = arm;
      probe.gripper_logit = probe.feature[6];
      probe.action = deer_action(arm, 1.0F / (1.0F + std::exp(-probe.gripper_logit)));
      probe.delta = float(std::sqrt(sum / 6));
      const double threshold = !fixed                              ? policy.thresholds[i]
                               : policy.fixed_layer == probe.layer ? kAlwaysLeave
                                                                   : kNeverLeave;
      probe.threshold = fixed ? kNotEvaluated : float(threshold);
      probe.evaluated_by_policy = record.exit_index < 0;
      const bool last = i + 1 == record.exits.size();
      if (record.exit_index < 0 && (last || probe.delta <= threshold)) {
        record.exit_index = int(i);
        record.exit_layer = probe.layer;
        record.reason = fixed ? ExitReason::fixed : last ? ExitReason::deepest_allowed : ExitReason::within_threshold;
      }
    }
    if (forced != policy.forced_layers.end()) {
      record.exit_layer = forced->second;
      record.exit_index = (forced->second - 1) / 2;
      record.reason = ExitReason::forced;
    }
    const auto& taken = record.exits[std::size_t(record.exit_index)];
    record.action = taken.action;
    record.gripper_logit = taken.gripper_logit;
    record.command = deer_action(taken.arm(), taken.gripper_probability() > 0.5F ? 1.0F : -1.0F);
    rollout.memory = 0.8 * rollout.memory + 0.1 * taken.feature[0] + 0.05 * record.exit_index;
    ++rollout.step;
  }

  FakeControlPtr control_;
  ModelSummary summary_;
  Intervention intervention_;
  ExitPolicy policy_;
  Rollout rollout_;
};

class FakeSource final : public FrameSource {
 public:
  FakeSource(FakeControlPtr control, std::filesystem::path path, int frames)
      : control_(std::move(control)), path_(std::move(path)), frames_(frames) {
    info_.title = "fake episode of " + std::to_string(frames) + " frames";
    info_.path = path_;
    info_.kind = "fake";
    info_.frames_per_second = 30;
    info_.has_gripper_camera = true;
    spans_.push_back({0, frames / 2 - 1, "open the drawer", "open_drawer"});
    spans_.push_back({frames / 2, frames - 1, "push the red block to the left", "push_red_block_left"});
  }

  const SourceInfo& info() const override { return info_; }
  std::optional<std::int64_t> length() const override { return frames_; }
  const std::vector<InstructionSpan>& instructions() const override { return spans_; }
  ObservationPtr next(std::stop_token) override { throw Error("a recorded source is read by index"); }

  ObservationPtr read(std::int64_t index) override {
    ++control_->reads;
    if (const int ms = control_->read_ms; ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    if (index == control_->bad_frame) {
      throw FileError(path_ / ("episode_" + std::to_string(index) + ".npz"), "cut off after 12 bytes");
    }
    auto seen = std::make_shared<Observation>();
    seen->frame = index;
    seen->frame_id = 1000 + index;
    seen->timestamp_s = double(index) / 30;
    seen->rgb_static = picture(200, index);
    seen->rgb_gripper = picture(84, index);
    seen->instruction = spans_[index < frames_ / 2 ? 0 : 1].instruction;
    std::array<double, 7> action{};
    for (std::size_t i = 0; i < 6; ++i) action[i] = 0.4 * std::sin(0.1 * double(index) + double(i));
    action[6] = index < frames_ / 2 ? 1 : -1;
    seen->rel_action = action;
    return seen;
  }

 private:
  static ImagePtr picture(int size, std::int64_t index) {
    auto image = std::make_shared<Image>();
    image->width = image->height = size;
    image->rgb.resize(std::size_t(size) * std::size_t(size) * 3);
    for (int y = 0; y < size; ++y) {
      for (int x = 0; x < size; ++x) {
        auto* pixel = &image->rgb[(std::size_t(y) * std::size_t(size) + std::size_t(x)) * 3];
        pixel[0] = std::uint8_t(x * 255 / size);
        pixel[1] = std::uint8_t(y * 255 / size);
        pixel[2] = std::uint8_t(index * 5 % 256);
      }
    }
    return image;
  }

  FakeControlPtr control_;
  std::filesystem::path path_;
  std::int64_t frames_;
  SourceInfo info_;
  std::vector<InstructionSpan> spans_;
};

class FakeCollection final : public EpisodeCollection {
 public:
  FakeCollection(FakeControlPtr control, std::filesystem::path path, int frames)
      : control_(std::move(control)), path_(std::move(path)), frames_(frames) {
    const auto kind = EpisodeEntry::Kind::language_annotation;
    entries_.push_back({kind, "training", "open the drawer", "open_drawer", 0, frames - 1});
    entries_.push_back(
        {kind, "training", "lift the red block", "lift_red_block_table", frames, frames + frames / 2 - 1});
    entries_.push_back({kind, "validation", "a broken episode", "", 0, 9});
    if (path_.filename() == "episodes") entries_.push_back({kind, "validation", "the demo's first", "", 0, frames - 1});
    warnings_.push_back("lang_annotations: one entry is outside the dataset");
  }

  std::string kind() const override { return "fake"; }
  const std::filesystem::path& path() const override { return path_; }
  const std::vector<EpisodeEntry>& episodes() const override { return entries_; }
  const std::vector<std::string>& warnings() const override { return warnings_; }

  FrameSourcePtr open(std::size_t index) const override {
    if (index == 2) throw FileError(path_ / "episode_0000000.npz", "the array 'rgb_static' is missing");
    if (index > 3) throw Error("there is no episode " + std::to_string(index));
    return std::make_shared<FakeSource>(control_, path_, index == 1 ? frames_ / 2 : frames_);
  }

 private:
  FakeControlPtr control_;
  std::filesystem::path path_;
  int frames_;
  std::vector<EpisodeEntry> entries_;
  std::vector<std::string> warnings_;
};

}  // namespace

EngineFactory fake_engine_factory(FakeControlPtr control) {
  return [control](const std::filesystem::path& path, const EngineOptions&, const ProgressCallback& progress,
                   std::stop_token stop) -> std::unique_ptr<Engine> {
    ++control->loads;
    progress("Reading weights", 1, 4);
    if (control->block_load) wait(stop, -1, *control);
    if (path.string().find("bad") != std::string::npos) {
      throw FileError(path / "config.json", "no such file");
    }
    progress("Reading weights", 4, 4);
    return std::make_unique<FakeEngine>(control, path);
  };
}

std::vector<FrameRecordPtr> fake_run(const FakeControlPtr& control, FrameSource& source, const ExitPolicy& policy) {
  auto quick = std::make_shared<FakeControl>();
  quick->exits = control->exits;
  FakeEngine engine(quick, "model");
  engine.set_policy(policy);
  std::vector<FrameRecordPtr> records;
  for (std::int64_t i = 0; i < *source.length(); ++i) {
    const auto seen = source.read(i);
    records.push_back(engine.step({i, seen->rgb_static, seen->rgb_gripper, seen->instruction}, RunMode::probe, {}));
  }
  return records;
}

SourceOpener fake_source_opener(FakeControlPtr control, int frames) {
  return [control, frames](const std::filesystem::path& path,
                           const OpenSourceOptions&) -> std::shared_ptr<const EpisodeCollection> {
    if (path.string().find("bad") != std::string::npos) {
      throw FileError(path, "is neither a CALVIN dataset nor a folder of images nor a video");
    }
    if (path.string().find("slow") != std::string::npos) std::this_thread::sleep_for(std::chrono::milliseconds(500));
    return std::make_shared<FakeCollection>(control, path, frames);
  };
}

bool same_record(const FrameRecord& a, const FrameRecord& b) {
  if (a.frame != b.frame || a.step != b.step || a.exit_index != b.exit_index || a.exit_layer != b.exit_layer ||
      a.reason != b.reason || a.command != b.command || a.exits.size() != b.exits.size()) {
    return false;
  }
  for (std::size_t i = 0; i < a.exits.size(); ++i) {
    if (a.exits[i].action != b.exits[i].action || a.exits[i].delta != b.exits[i].delta ||
        a.exits[i].threshold != b.exits[i].threshold) {
      return false;
    }
  }
  return true;
}

}  // namespace deer::test
