// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/sim/simulated_source.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <initializer_list>
#include <mutex>
#include <optional>

#include "core/base/error.h"
#include "core/sim/chain_runner.h"
#include "core/sim/mujoco_scene.h"
#include "core/sim/offscreen_renderer.h"

namespace deer {
namespace {

using Clock = std::chrono::steady_clock;

// Common base of the live sources in this folder: no length, no index.
template <typename Base>
class LiveSource : public Base {
 public:
  const SourceInfo& info() const final { return info_; }
  std::optional<std::int64_t> length() const final { return std::nullopt; }
  const std::vector<InstructionSpan>& instructions() const final { return no_instructions_; }
  ObservationPtr read(std::int64_t) final {
    throw Error("'" + info_.title + "' is live: its frames come in order, not by number");
  }

 protected:
  // Waits until the next frame is due; false once `stop` is requested.
  bool wait_for_turn(std::stop_token stop) {
    if (stop.stop_requested()) return false;
    if (!real_time_) return true;
    const auto now = Clock::now();
    std::mutex mutex;
    std::unique_lock lock(mutex);
    if (due_ > now) std::condition_variable_any().wait_until(lock, stop, due_, [] { return false; });
    // Does not catch up after late frames.
    due_ = std::max(due_, now) +
           std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / PlayTable::kControlHz));
    return !stop.stop_requested();
  }

  SourceInfo info_;
  bool real_time_ = true;

 private:
  std::vector<InstructionSpan> no_instructions_;
  Clock::time_point due_ = Clock::now();
};

class TableSource final : public LiveSource<SimulatedSource> {
 public:
  explicit TableSource(const SimulatedSourceOptions& options) : options_(options) {
    real_time_ = options.real_time;
    info_.title = "simulated table";
    info_.kind = "simulator";
    info_.frames_per_second = PlayTable::kControlHz;
    info_.has_gripper_camera = true;
    set_instruction(options.instruction);
    begin_table();
    begin_try();
  }

  ObservationPtr next(std::stop_token stop) override {
    const std::scoped_lock turn(turn_mutex_);
    if (!wait_for_turn(stop)) return nullptr;
    const std::scoped_lock lock(mutex_);
    const bool starts = advance();
    const auto images = table_.render();
    auto out = std::make_shared<Observation>();
    out->frame = out->frame_id = frame_;
    out->timestamp_s = static_cast<double>(frame_) / PlayTable::kControlHz;
    out->rgb_static = images.rgb_static;
    out->rgb_gripper = images.rgb_gripper;
    out->instruction = instruction_;
    out->robot_obs = table_.robot_obs();
    out->scene_obs = table_.scene_obs();
    out->blocks = table_.scene_blocks();
    out->cameras = table_.cameras();
    out->starts_episode = starts;
    ++frame_;
    return out;
  }

  void act(const std::array<float, 7>& command) override {
    const std::scoped_lock lock(mutex_);
    command_ = command;
  }

  void instruct(const std::string& instruction) override {
    const std::scoped_lock lock(mutex_);
    wanted_ = instruction;
  }

  Status status() const override {
    const std::scoped_lock lock(mutex_);
    return {instruction_, task_ != nullptr ? task_->name : std::string(), step_, successes_, failures_};
  }

 private:
  void set_instruction(const std::string& text) {
    task_ = task_of_instruction(text);
    instruction_ = text;
    const auto named = std::ranges::find(all_tasks(), text, &Task::name);
    if (named == all_tasks().end()) return;
    task_ = &*named;
    instruction_ = task_->instructions.front();
  }

  void begin_table() {
    const auto seed = derived_seed(options_.seed, tables_++);
    if (task_ != nullptr) {
      lay_table_for(table_, *task_, seed);
    } else {
      table_.reset(seed);
    }
  }

  void begin_try() {
    start_ = table_.state();
    step_ = 0;
    command_.reset();
    fresh_ = true;
  }

  // One step, or the start of an attempt. True if the next frame is the first of an attempt.
  bool advance() {
    if (wanted_) {
      set_instruction(*wanted_);
      wanted_.reset();
      if (options_.new_tables && task_ != nullptr && !possible(*task_, table_.state())) begin_table();
      begin_try();
    }
    if (std::exchange(fresh_, false)) return true;
    std::array<double, 7> action = {0, 0, 0, 0, 0, 0, table_.state().gripper_commanded_open ? 1.0 : -1.0};
    if (command_) {
      for (std::size_t i = 0; i < action.size(); ++i) action[i] = static_cast<double>((*command_)[i]);
    }
    command_.reset();
    table_.step(action);
    ++step_;
    const bool success = task_ != nullptr && succeeded(*task_, start_, table_.state());
    if (!success && step_ < options_.max_steps) return false;
    if (task_ != nullptr) ++(success ? successes_ : failures_);
    if (options_.new_tables) begin_table();
    begin_try();
    return std::exchange(fresh_, false);
  }

  const SimulatedSourceOptions options_;
  std::mutex turn_mutex_;  // one next() at a time; act() need not wait for a frame to be due
  mutable std::mutex mutex_;
  PlayTable table_;
  std::string instruction_;
  const Task* task_ = nullptr;
  std::optional<std::string> wanted_;
  std::optional<std::array<float, 7>> command_;
  TableState start_;
  std::uint64_t tables_ = 0;
  std::int64_t frame_ = 0;
  int step_ = 0;
  int successes_ = 0;
  int failures_ = 0;
  bool fresh_ = true;
};

std::vector<std::string> camera_names(const MujocoScene& scene) {
  std::vector<std::string> out;
  for (int i = 0; i < scene.model().ncam; ++i) {
    const char* name = mj_id2name(&scene.model(), mjOBJ_CAMERA, i);
    out.emplace_back(name != nullptr ? name : "");
  }
  return out;
}

// The camera of that name, or else the first whose name holds one of `words`; -1 if there is none.
int camera_by_words(const std::vector<std::string>& names, const std::string& wanted,
                    std::initializer_list<const char*> words) {
  const auto place = std::ranges::find(names, wanted);
  if (place != names.end()) return static_cast<int>(place - names.begin());
  for (const char* word : words) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i].find(word) != std::string::npos) return static_cast<int>(i);
    }
  }
  return -1;
}

int named_camera(const std::vector<std::string>& names, const std::filesystem::path& file, const std::string& wanted) {
  const auto place = std::ranges::find(names, wanted);
  if (place != names.end()) return static_cast<int>(place - names.begin());
  std::string list;
  for (const auto& name : names) {
    if (!name.empty()) list += (list.empty() ? "" : ", ") + name;
  }
  throw FileError(file,
                  "has no camera '" + printable(wanted) + "'; it has " + (list.empty() ? "no named cameras" : list));
}

class SceneSource final : public LiveSource<FrameSource> {
 public:
  SceneSource(const std::filesystem::path& file, const SceneSourceOptions& options)
      : options_(options), scene_(MujocoScene::load(file)), title_(file.filename().string()) {
    choose_cameras(file);
    // The buffer is as large as what is drawn, whatever the file says.
    auto& limits = scene_.model().vis.global;
    limits.offwidth = limits.offheight = std::max(options.static_size, options.gripper_size);
    const double step = scene_.model().opt.timestep;
    substeps_ = std::max(1, static_cast<int>(std::lround(1 / PlayTable::kControlHz / step)));
    renderer_ = std::make_unique<OffscreenRenderer>(scene_, true);
    real_time_ = options.real_time;
    info_.title = title_;
    info_.path = file;
    info_.kind = "simulator";
    info_.frames_per_second = 1 / (substeps_ * step);
    info_.has_gripper_camera = gripper_camera_ >= 0;
    mj_forward(&scene_.model(), &scene_.data());
  }

  ObservationPtr next(std::stop_token stop) override {
    const std::scoped_lock turn(turn_mutex_);
    if (!wait_for_turn(stop)) return nullptr;
    auto out = std::make_shared<Observation>();
    out->starts_episode = frame_ == 0;
    for (int i = 0; frame_ > 0 && i < substeps_; ++i) mj_step(&scene_.model(), &scene_.data());
    out->frame = out->frame_id = frame_++;
    out->timestamp_s = scene_.data().time;
    out->rgb_static = renderer_->render(scene_, static_camera_, options_.static_size, options_.static_size);
    if (gripper_camera_ >= 0) {
      out->rgb_gripper = renderer_->render(scene_, gripper_camera_, options_.gripper_size, options_.gripper_size);
    }
    out->instruction = options_.instruction;
    return out;
  }

 private:
  void choose_cameras(const std::filesystem::path& file) {
    const auto names = camera_names(scene_);
    gripper_camera_ = options_.gripper_camera.empty()
                          ? camera_by_words(names, "gripper", {"gripper", "wrist", "hand", "eye_in"})
                          : named_camera(names, file, options_.gripper_camera);
    if (!options_.static_camera.empty()) {
      static_camera_ = named_camera(names, file, options_.static_camera);
    } else {
      static_camera_ = camera_by_words(names, "static", {"static", "front", "agentview", "third", "overview", "scene"});
      // Any other, but not the gripper's.
      for (int i = 0; static_camera_ < 0 && i < static_cast<int>(names.size()); ++i) {
        if (i != gripper_camera_) static_camera_ = i;
      }
    }
    if (static_camera_ >= 0 && !names[static_cast<std::size_t>(static_camera_)].empty()) {
      title_ += ", camera " + names[static_cast<std::size_t>(static_camera_)];
    }
  }

  const SceneSourceOptions options_;
  std::mutex turn_mutex_;
  MujocoScene scene_;
  std::string title_;
  int static_camera_ = OffscreenRenderer::kFreeCamera;
  int gripper_camera_ = -1;
  int substeps_ = 1;
  std::unique_ptr<OffscreenRenderer> renderer_;
  std::int64_t frame_ = 0;
};

}  // namespace

std::shared_ptr<SimulatedSource> SimulatedSource::open(const SimulatedSourceOptions& options) {
  return std::make_shared<TableSource>(options);
}

FrameSourcePtr open_scene(const std::filesystem::path& file, const SceneSourceOptions& options) {
  return std::make_shared<SceneSource>(file, options);
}

}  // namespace deer
