// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/recording/episode_recorder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/json_file.h"
#include "core/base/utf8.h"
#include "core/base/version.h"
#include "core/episodes/calvin/calvin_writer.h"
#include "core/study/lerobot_export.h"

namespace deer {
namespace {

constexpr auto kTellEvery = std::chrono::milliseconds(200);

std::size_t picture_bytes(const Observation& seen) {
  std::size_t bytes = sizeof(Observation);
  for (const auto& image : {seen.rgb_static, seen.rgb_gripper}) {
    if (image) bytes += image->rgb.size();
  }
  return bytes;
}

// Names the stretches of frames with one instruction.
class Annotator {
 public:
  explicit Annotator(CalvinWriter& writer) : writer_(writer) {}

  void frame(std::int64_t id, const std::string& instruction) {
    if (open_ && instruction != instruction_) close();
    if (!open_) {
      instruction_ = instruction;
      frames_.first = id;
      open_ = true;
    }
    frames_.last = id;
  }
  void close() {
    if (std::exchange(open_, false) && !instruction_.empty()) writer_.annotate(frames_, instruction_, {});
  }

 private:
  CalvinWriter& writer_;
  bool open_ = false;
  std::string instruction_;
  FrameIds frames_{};
};

// What is known of the arrays of the frames.
struct Known {
  bool gripper = false;
  bool robot = false;
  bool scene = false;
  bool commands = false;
};

}  // namespace

EpisodeRecorder::EpisodeRecorder(std::filesystem::path folder, Options options,
                                 std::function<void(const RecordingStatus&)> told)
    : options_(std::move(options)), told_(std::move(told)) {
  status_.folder = std::move(folder);
  thread_ = std::thread([this] { run(); });
}

EpisodeRecorder::~EpisodeRecorder() {
  finish();
  thread_.join();
}

void EpisodeRecorder::take(const LiveFrame& frame) {
  if (!frame.seen || !frame.seen->rgb_static) return;
  const auto bytes = picture_bytes(*frame.seen);
  {
    const std::scoped_lock lock(mutex_);
    if (finishing_ || status_.finished) return;
    if (status_.waiting_bytes + bytes > options_.queue_bytes) {
      ++status_.left_out;
      gap_ = true;
      return;
    }
    queue_.push_back({frame, bytes, std::exchange(gap_, false)});
    ++status_.waiting;
    status_.waiting_bytes += bytes;
  }
  wake_.notify_one();
}

void EpisodeRecorder::finish() {
  {
    const std::scoped_lock lock(mutex_);
    finishing_ = true;
  }
  wake_.notify_one();
}

void EpisodeRecorder::detach() {
  const std::scoped_lock lock(told_mutex_);
  told_ = {};
}

RecordingStatus EpisodeRecorder::status() const {
  const std::scoped_lock lock(mutex_);
  return status_;
}

bool EpisodeRecorder::pop(Waiting& out) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return finishing_ || !queue_.empty(); });
  if (queue_.empty()) return false;
  out = std::move(queue_.front());
  queue_.pop_front();
  return true;
}

void EpisodeRecorder::tell(bool now) {
  const auto time = std::chrono::steady_clock::now();
  if (!now && time - last_told_ < kTellEvery) return;
  last_told_ = time;
  const auto present = status();
  const std::scoped_lock lock(told_mutex_);
  if (told_) told_(present);
}

void EpisodeRecorder::run() {
  std::string problem;
  try {
    options_.format == RecordingFormat::calvin ? write_calvin() : write_lerobot();
  } catch (const std::exception& error) {
    problem = error.what();
  }
  {
    const std::scoped_lock lock(mutex_);
    status_.problem = std::move(problem);
    status_.finished = true;
    status_.left_out += status_.waiting;
    status_.waiting = 0;
    status_.waiting_bytes = 0;
    queue_.clear();
  }
  tell(true);
}

void EpisodeRecorder::wrote(const Waiting& frame) {
  {
    const std::scoped_lock lock(mutex_);
    ++status_.written;
    --status_.waiting;
    status_.waiting_bytes -= frame.bytes;
  }
  tell(false);
}

void EpisodeRecorder::write_lerobot() {
  LerobotExport::Options options;
  options.predictions = options_.predictions;
  options.files_by_episode = true;
  LerobotExport out(status().folder, std::move(options));
  std::string instruction;
  Waiting next;
  while (pop(next)) {
    if (options_.before_each) options_.before_each();
    const auto& seen = *next.frame.seen;
    if (seen.starts_episode || next.after_gap || seen.instruction != instruction) out.end_episode();
    instruction = seen.instruction;
    out.add(options_.info, seen, next.frame.record.get());
    wrote(next);
    next = {};
  }
  out.finish();
}

void EpisodeRecorder::write_calvin() {
  const auto folder = status().folder;
  CalvinWriterOptions options;
  options.scene = "live_recording";
  options.flush_every = std::chrono::seconds(5);
  CalvinWriter writer(folder / "training", options);
  Annotator annotator(writer);
  std::optional<Known> known;
  Waiting next;
  while (pop(next)) {
    if (options_.before_each) options_.before_each();
    const auto& seen = *next.frame.seen;
    if (seen.starts_episode || next.after_gap) {
      annotator.close();
      writer.begin_segment();
    }
    Observation step = seen;
    if (const auto& record = next.frame.record; record && record->layout->is_deer()) {
      auto& command = step.rel_action.emplace();
      std::copy_n(record->command.data(), command.size(), command.begin());
    }
    if (!known) {
      known = {step.rgb_gripper != nullptr, step.robot_obs.has_value(), step.scene_obs.has_value(),
               step.rel_action.has_value()};
    }
    annotator.frame(writer.add(step), seen.instruction);
    wrote(next);
    next = {};
  }
  annotator.close();
  writer.flush();
  const auto done = status();
  Json about = {{"made_by", std::string("Deerscope ") + kVersion},
                {"source", valid_utf8(options_.source)},
                {"model", valid_utf8(options_.model)},
                {"frames", done.written},
                {"frames_left_out", done.left_out},
                {"rel_actions", "what the model commanded, frame by frame"}};
  about["absent"] = Json::array();
  const auto absent = [&](bool there, const char* key) {
    if (!there) about["absent"].push_back(key);
  };
  if (known) {
    absent(false, "actions");
    absent(known->commands, "rel_actions");
    absent(known->gripper, "rgb_gripper");
    absent(known->robot, "robot_obs");
    absent(known->scene, "scene_obs");
  }
  write_file_atomically(folder / "recording.json", about.dump(2) + "\n");
}

}  // namespace deer
