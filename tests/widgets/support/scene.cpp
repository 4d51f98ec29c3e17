// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/widgets/support/scene.h"

#include <QTest>
#include <chrono>
#include <cmath>
#include <thread>

#include "core/base/error.h"
#include "core/model/model_config.h"
#include "sessions/frames/episode_frames.h"

namespace deer::test {
namespace {

void pause(int ms, std::stop_token stop) {
  for (int i = 0; i < ms && !stop.stop_requested(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (stop.stop_requested()) throw Cancelled();
}

std::string instruction_of(std::int64_t frame, int frames) {
  return frame < frames * 2 / 5 ? "open the drawer" : "lift the red block from the table and hold it in the air";
}

class SceneEngine final : public Engine {
 public:
  SceneEngine(const Scene& scene, const std::filesystem::path& path) : scene_(scene) {
    summary_.name = "scene";
    summary_.path = path;
    summary_.family = "MPT-1b";
    for (int exit = 0; exit < Scene::kExits; ++exit) summary_.exit_layers.push_back(2 * exit + 1);
    summary_.layers = 2 * Scene::kExits;
    summary_.d_model = 16;
    summary_.device = "cpu";
    summary_.dtype = "float32";
    summary_.suggested_thresholds = Scene::thresholds();
    summary_.config = std::make_shared<const ModelConfig>();  // the published sizes, 12 layers
    policy_.thresholds = Scene::thresholds();
  }

  const ModelSummary& summary() const override { return summary_; }
  void set_policy(const ExitPolicy& policy) override { policy_ = policy; }
  const ExitPolicy& policy() const override { return policy_; }
  void reset() override { step_ = 0; }

  FrameRecordPtr step(const FrameInput& input, RunMode mode, std::stop_token stop) override {
    pause(scene_.step_ms, stop);
    if (input.instruction != instruction_) step_ = 0;
    instruction_ = input.instruction;
    auto record = std::make_shared<FrameRecord>();
    record->frame = input.frame;
    record->step = step_++;
    record->mode = mode;
    record->prompt_tokens = Scene::kPromptTokens;
    const double wave = 0.5 + 0.5 * std::sin(0.2 * double(input.frame));
    record->times = {0.42, 7.1 + 0.3 * wave, 0.9, 0.8 + 1.9 * wave, 0.53};
    for (int exit = 0; exit < Scene::kExits; ++exit) {
      ExitProbe probe;
      probe.layer = summary_.exit_layers[std::size_t(exit)];
      probe.feature.assign(16, 0);
      // Unit vectors in a plane: the angle between two exits is all that matters.
      const double angle = scene_.turns_with_frame ? 0.25 * std::sin(0.3 * double(input.frame)) : 0.25;
      probe.feature[0] = float(std::cos(angle * exit));
      probe.feature[1] = float(std::sin(angle * exit));
      probe.action = deer_action(Scene::arm(input.frame, exit),
                                 float(0.5 + 0.45 * std::sin(0.06 * double(input.frame) + 0.1 * exit)));
      probe.delta = float(Scene::delta(input.frame, exit));
      record->exits.push_back(std::move(probe));
    }
    decide(*record, policy_);
    return record;
  }

  AttentionMap attend(const FrameInput& input, int exit_layer, std::stop_token stop) override {
    pause(scene_.attend_ms, stop);
    AttentionMap map;
    map.frame = input.frame;
    map.exit_layer = map.cross_layer = exit_layer;
    map.heads = Scene::kHeads;
    map.rows = map.columns = Scene::kPatches;
    map.tokens = Scene::kPromptTokens;
    for (std::size_t camera = 0; camera < 2; ++camera) {
      const auto& picture = camera == 0 ? input.rgb_static : input.rgb_gripper;
      if (!picture) throw Error("frame " + std::to_string(input.frame) + " has no gripper camera image");
      map.views[camera].grid = {0, 0, double(picture->width), double(picture->height)};
      for (int head = 0; head < Scene::kHeads; ++head) {
        for (int y = 0; y < Scene::kPatches; ++y) {
          for (int x = 0; x < Scene::kPatches; ++x) {
            map.views[camera].weights.push_back(
                Scene::attention(input.frame, (exit_layer - 1) / 2, head, camera, x, y));
          }
        }
      }
    }
    return map;
  }

  std::vector<FrameRecordPtr> replay(std::span<const FrameRecordPtr> records, const ExitPolicy& policy,
                                     std::stop_token stop) const override {
    std::vector<FrameRecordPtr> result;
    for (const auto& record : records) {
      if (stop.stop_requested()) throw Cancelled();
      auto copy = std::make_shared<FrameRecord>(*record);
      decide(*copy, policy);
      if (scene_.replays_lose_times) copy->times = {0, 0, 0, 0, copy->times.head_ms};
      result.push_back(std::move(copy));
    }
    return result;
  }

 private:
  static void decide(FrameRecord& record, const ExitPolicy& policy) {
    const int taken = Scene::exit_taken(record.frame, policy);
    record.exit_index = taken;
    record.exit_layer = 2 * taken + 1;
    record.reason = taken + 1 == Scene::kExits ? ExitReason::deepest_allowed : ExitReason::within_threshold;
    if (policy.criterion == Criterion::fixed_exit) record.reason = ExitReason::fixed;
    if (policy.forced_layers.contains(record.frame)) record.reason = ExitReason::forced;
    for (std::size_t exit = 0; exit < record.exits.size(); ++exit) {
      if (exit < policy.thresholds.size()) record.exits[exit].threshold = float(policy.thresholds[exit]);
      record.exits[exit].evaluated_by_policy = int(exit) <= taken;
    }
    const ExitProbe& probe = record.exits[std::size_t(taken)];
    record.action = probe.action;
    record.command = deer_action(probe.arm(), probe.gripper_probability() > 0.5F ? 1.0F : -1.0F);
  }

  Scene scene_;
  ModelSummary summary_;
  ExitPolicy policy_;
  std::string instruction_;
  int step_ = 0;
};

class SceneSource final : public FrameSource {
 public:
  explicit SceneSource(const Scene& scene, std::size_t episode) : scene_(scene) {
    info_.title = "episode " + std::to_string(episode + 1);
    info_.kind = "CALVIN";
    info_.has_gripper_camera = scene.gripper_camera;
    const int change = scene.frames * 2 / 5;
    spans_ = {{0, change - 1, instruction_of(0, scene.frames), "open_drawer"},
              {change, scene.frames - 1, instruction_of(change, scene.frames), "lift_red_block_table"}};
  }

  const SourceInfo& info() const override { return info_; }
  std::optional<std::int64_t> length() const override { return scene_.frames; }
  const std::vector<InstructionSpan>& instructions() const override { return spans_; }
  ObservationPtr next(std::stop_token) override { throw Error("a recorded scene has no next()"); }

  ObservationPtr read(std::int64_t index) override {
    if (index == scene_.bad_frame) throw Error("episode_0000007.npz: rgb_static is cut off after 512 bytes");
    if (index == scene_.bad_picture) throw Error("0007.jpg: is no picture");
    return numbers_and_pictures(index);
  }
  ObservationPtr read_state(std::int64_t index) override {
    if (index != scene_.bad_picture) return read(index);
    auto seen = std::make_shared<Observation>(*numbers_and_pictures(index));
    seen->rgb_static = seen->rgb_gripper = nullptr;
    return seen;
  }

 private:
  ObservationPtr numbers_and_pictures(std::int64_t index) const {
    if (index == scene_.slow_frame) std::this_thread::sleep_for(std::chrono::seconds(3));
    auto observation = std::make_shared<Observation>();
    observation->frame = index;
    observation->frame_id = 358482 + index;
    observation->timestamp_s = double(index) / 30;
    observation->instruction = instruction_of(index, scene_.frames);
    observation->rgb_static = Scene::picture(index, Scene::kPicture);
    if (scene_.gripper_camera) observation->rgb_gripper = Scene::picture(index + 40, 84);
    observation->rel_action = Scene::recorded(index);
    if (scene_.robot_obs) observation->robot_obs = scene_.robot_obs(index);
    observation->cameras = scene_.cameras;
    return observation;
  }

  Scene scene_;
  SourceInfo info_;
  std::vector<InstructionSpan> spans_;
};

class SceneCollection final : public EpisodeCollection {
 public:
  explicit SceneCollection(const Scene& scene) : scene_(scene) {
    static const char* const kTitles[] = {"open the drawer", "lift the red block from the table", "turn on the LED",
                                          "push the pink block to the left"};
    static const char* const kTasks[] = {"open_drawer", "lift_red_block_table", "turn_on_led", "push_pink_block_left"};
    for (int i = 0; i < scene.episodes; ++i) {
      EpisodeEntry entry;
      entry.kind = EpisodeEntry::Kind::language_annotation;
      entry.split = 2 * i < scene.episodes ? "training" : "validation";
      entry.title = kTitles[i % 4];
      entry.task = kTasks[i % 4];
      entry.first_frame_id = 358482 + 100L * i;
      entry.last_frame_id = entry.first_frame_id + 64;
      entries_.push_back(entry);
    }
  }

  std::string kind() const override { return "CALVIN"; }
  const std::filesystem::path& path() const override { return path_; }
  const std::vector<EpisodeEntry>& episodes() const override { return entries_; }
  const std::vector<std::string>& warnings() const override { return warnings_; }
  FrameSourcePtr open(std::size_t index) const override { return std::make_shared<SceneSource>(scene_, index); }

 private:
  Scene scene_;
  std::filesystem::path path_ = "scene";
  std::vector<EpisodeEntry> entries_;
  std::vector<std::string> warnings_;
};

}  // namespace

double Scene::delta(std::int64_t frame, int exit) {
  const double wave = 0.5 + 0.5 * std::sin(0.11 * double(frame)) * std::cos(0.023 * double(frame));
  return 0.003 + 0.16 * wave * std::exp(-0.75 * exit) + 0.002 * std::abs(std::sin(1.7 * double(frame) + exit));
}

std::array<float, 6> Scene::arm(std::int64_t frame, int exit) {
  const auto smooth = recorded(frame);
  std::array<float, 6> result{};
  for (std::size_t i = 0; i < 6; ++i) {
    result[i] = float(smooth[i] + 0.4 * std::exp(-0.7 * exit) * std::sin(0.4 * double(frame) + double(i)));
  }
  return result;
}

std::array<double, 7> Scene::recorded(std::int64_t frame) {
  std::array<double, 7> action{};
  for (std::size_t i = 0; i < 6; ++i)
    action[i] = 0.45 * std::sin(0.05 * double(frame) * (1 + 0.2 * double(i)) + double(i));
  action[6] = std::sin(0.06 * double(frame)) > 0 ? 1 : -1;
  return action;
}

ImagePtr Scene::picture(std::int64_t frame, int size) {
  auto image = std::make_shared<Image>();
  image->width = image->height = size;
  image->rgb.resize(std::size_t(size) * std::size_t(size) * 3);
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      std::uint8_t* pixel = &image->rgb[(std::size_t(y) * std::size_t(size) + std::size_t(x)) * 3];
      pixel[0] = std::uint8_t(90 + 120 * x / size);
      pixel[1] = std::uint8_t(110 + 80 * y / size);
      pixel[2] = std::uint8_t((60 + frame * 2) % 256);
      const int dx = x - int((frame * 3) % size), dy = y - size / 2;
      if (dx * dx + dy * dy < size * size / 60) pixel[0] = 200, pixel[1] = 40, pixel[2] = 40;
    }
  }
  return image;
}

float Scene::attention(std::int64_t frame, int exit, int head, std::size_t camera, int x, int y) {
  const int bright = int((frame + exit + 3 * head) % (kPatches * kPatches));
  const float share = camera == 0 ? 0.7F : 0.3F;
  return (y * kPatches + x == bright ? 0.5F : 0.5F / (kPatches * kPatches - 1)) * share;
}

int Scene::exit_taken(std::int64_t frame, const ExitPolicy& policy) {
  if (const auto forced = policy.forced_layers.find(frame); forced != policy.forced_layers.end()) {
    return (forced->second - 1) / 2;
  }
  if (policy.criterion == Criterion::fixed_exit) return policy.fixed_layer ? (*policy.fixed_layer - 1) / 2 : kExits - 1;
  int last = kExits - 1;
  while (policy.max_layer && 2 * last + 1 >= *policy.max_layer && last > 0) --last;
  for (int exit = 0; exit < last && exit < int(policy.thresholds.size()); ++exit) {
    if (float(delta(frame, exit)) <= policy.thresholds[std::size_t(exit)]) return exit;
  }
  return last;
}

double Scene::similarity(int exit_a, int exit_b) { return std::cos(0.25 * (exit_a - exit_b)); }

std::vector<double> Scene::thresholds() { return {0.035, 0.03, 0.02, 0.012, 0.006, kAlwaysLeave}; }

EngineFactory Scene::engine_factory() const {
  return [scene = *this](const std::filesystem::path& path, const EngineOptions&, const ProgressCallback&,
                         std::stop_token stop) {
    pause(scene.load_ms, stop);
    return std::make_unique<SceneEngine>(scene, path);
  };
}

SourceOpener Scene::source_opener() const {
  return [scene = *this](const std::filesystem::path&, const OpenSourceOptions&) {
    return std::make_shared<SceneCollection>(scene);
  };
}

std::unique_ptr<Session> Scene::session() const { return std::make_unique<Session>(engine_factory(), source_opener()); }

bool open_episode(Session* session) {
  session->open_source("scene");
  return QTest::qWaitFor([session] { return session->frame_count() > 0 && session->frames()->observation(0); }, 10'000);
}

bool open_all(Session* session) {
  if (!open_episode(session)) return false;
  session->open_model("scene");
  if (!QTest::qWaitFor([session] { return session->model() != nullptr; }, 10'000)) return false;
  session->run_episode();
  return QTest::qWaitFor(
      [session] {
        return session->evaluated_count() == session->frame_count() && session->activity() == Session::Activity::idle;
      },
      10'000);
}

}  // namespace deer::test
