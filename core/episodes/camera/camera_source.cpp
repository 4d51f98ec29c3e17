// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/camera/camera_source.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "core/base/error.h"

namespace deer {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kReportEvery = std::chrono::milliseconds(200);
constexpr auto kLongPause = std::chrono::seconds(1);

double milliseconds(Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

// State used by the cameras' threads; an abandoned reader may use it after the source was destroyed.
struct Bell {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::uint64_t rings = 0;

  void ring() {
    {
      const std::scoped_lock lock(mutex);
      ++rings;
    }
    wake.notify_all();
  }
};

class PairedCameras final : public CameraSource {
 public:
  PairedCameras(const CameraSourceOptions& options, const CameraOpener& opener)
      : options_(options), instruction_(options.instruction) {
    const auto camera = [&](const char* name, const CameraSettings& settings) {
      return std::make_unique<LiveCamera>(name, settings, opener, options.timeouts, [bell = bell_] { bell->ring(); });
    };
    info_.title = printable(shown_source(options.fixed.source), 60);
    info_.kind = "camera";
    info_.has_gripper_camera = options.gripper.has_value();
    fixed_ = camera("static", options.fixed);
    if (options.gripper) gripper_ = camera("gripper", *options.gripper);
    reporter_ = std::jthread([this](const std::stop_token& stop) { tell(stop); });
  }

  const SourceInfo& info() const override { return info_; }
  std::optional<std::int64_t> length() const override { return std::nullopt; }
  const std::vector<InstructionSpan>& instructions() const override { return no_instructions_; }
  ObservationPtr read(std::int64_t) override {
    throw Error("'" + info_.title + "' is live: its frames come in order, not by number");
  }

  ObservationPtr next(std::stop_token stop) override {
    const std::scoped_lock turn(turn_mutex_);
    for (;;) {
      std::uint64_t rings = 0;
      {
        const std::scoped_lock lock(bell_->mutex);
        rings = bell_->rings;
      }
      if (stop.stop_requested()) return nullptr;
      if (auto pair = take()) return pair;
      if (ended_or_throw()) return nullptr;
      std::unique_lock lock(bell_->mutex);
      bell_->wake.wait(lock, stop, [&] { return bell_->rings != rings; });
    }
  }

  CameraSourceReport report() const override {
    CameraSourceReport out;
    out.cameras.push_back(fixed_->report());
    if (gripper_) out.cameras.push_back(gripper_->report());
    const std::scoped_lock lock(mutex_);
    out.skew_ms = skew_ms_;
    out.largest_skew_ms = largest_skew_ms_;
    return out;
  }

  void watch(std::function<void(const CameraSourceReport&)> watcher) override {
    {
      const std::scoped_lock lock(watcher_mutex_);
      watcher_ = std::move(watcher);
    }
    bell_->ring();
  }

  void resume() override {
    const std::scoped_lock turn(turn_mutex_);
    fixed_->forget();
    if (gripper_) gripper_->forget();
    if (last_taken_ && Clock::now() - *last_taken_ > kLongPause) starts_ = true;
  }

  void instruct(const std::string& instruction) override {
    const std::scoped_lock lock(mutex_);
    instruction_ = instruction;
  }

  Clock::time_point started_at() const override { return started_at_; }

 private:
  ObservationPtr take() {
    const auto oldest = Clock::now() - options_.most_age;
    const auto fixed = fixed_->frames();
    const auto gripper = gripper_ ? gripper_->frames() : std::vector<CameraFrame>();
    for (auto frame = fixed.rbegin(); frame != fixed.rend(); ++frame) {
      if (frame->number <= last_number_ || frame->captured_at < oldest) return nullptr;
      if (!gripper_) return observation(*frame, nullptr);
      const auto apart = [&](const CameraFrame& other) {
        return std::chrono::abs(other.captured_at - frame->captured_at);
      };
      const auto nearest = std::min_element(gripper.begin(), gripper.end(),
                                            [&](const auto& a, const auto& b) { return apart(a) < apart(b); });
      if (nearest != gripper.end() && apart(*nearest) <= options_.most_skew) return observation(*frame, &*nearest);
    }
    return nullptr;
  }

  ObservationPtr observation(const CameraFrame& fixed, const CameraFrame* gripper) {
    fixed_->use(fixed.number);
    last_number_ = fixed.number;
    last_taken_ = fixed.captured_at;
    auto out = std::make_shared<Observation>();
    out->frame = frame_++;
    out->frame_id = fixed.number;
    out->timestamp_s = std::chrono::duration<double>(fixed.captured_at - started_at_).count();
    out->rgb_static = fixed.image;
    int reconnects = fixed_->report().reconnects;
    const std::scoped_lock lock(mutex_);
    if (gripper != nullptr) {
      gripper_->use(gripper->number);
      out->rgb_gripper = gripper->image;
      skew_ms_ = milliseconds(std::chrono::abs(gripper->captured_at - fixed.captured_at));
      largest_skew_ms_ = std::max(largest_skew_ms_, *skew_ms_);
      reconnects += gripper_->report().reconnects;
    }
    out->instruction = instruction_;
    const bool came_back = std::exchange(reconnects_, reconnects) != reconnects;
    out->starts_episode = std::exchange(starts_, false) || came_back;
    return out;
  }

  // True if no more images will come. A failure of either camera is an error.
  bool ended_or_throw() const {
    bool ended = false;
    for (const auto* const camera : {fixed_.get(), gripper_.get()}) {
      if (camera == nullptr) continue;
      const auto report = camera->report();
      if (report.state == CameraState::failed) {
        throw Error("the " + report.name + " camera has failed: " + report.problem);
      }
      ended = ended || report.state == CameraState::ended;
    }
    return ended;
  }

  void tell(const std::stop_token& stop) {
    std::vector<CameraState> states;
    auto due = Clock::now();
    while (!stop.stop_requested()) {
      const auto now = report();
      std::vector<CameraState> present;
      for (const auto& camera : now.cameras) present.push_back(camera.state);
      if (present != states || Clock::now() >= due) {
        states = present;
        due = Clock::now() + kReportEvery;
        const std::scoped_lock lock(watcher_mutex_);
        if (watcher_) watcher_(now);
      }
      std::unique_lock lock(bell_->mutex);
      const auto rings = bell_->rings;
      bell_->wake.wait_until(lock, stop, due, [&] { return bell_->rings != rings; });
    }
  }

  const CameraSourceOptions options_;
  SourceInfo info_;
  std::vector<InstructionSpan> no_instructions_;
  const Clock::time_point started_at_ = Clock::now();
  const std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();
  std::unique_ptr<LiveCamera> fixed_;
  std::unique_ptr<LiveCamera> gripper_;

  std::mutex turn_mutex_;  // one next() at a time; guards the members below
  std::int64_t frame_ = 0;
  std::int64_t last_number_ = -1;
  std::optional<Clock::time_point> last_taken_;
  bool starts_ = true;
  int reconnects_ = 0;

  mutable std::mutex mutex_;  // guards the members below
  std::string instruction_;
  std::optional<double> skew_ms_;
  double largest_skew_ms_ = 0;

  std::mutex watcher_mutex_;
  std::function<void(const CameraSourceReport&)> watcher_;
  std::jthread reporter_;  // last member: destroyed first
};

}  // namespace

std::shared_ptr<CameraSource> CameraSource::open(const CameraSourceOptions& options) {
  check_camera(options.fixed);
  if (options.gripper) check_camera(*options.gripper);
  return open(options, &open_camera_device);
}

std::shared_ptr<CameraSource> CameraSource::open(const CameraSourceOptions& options, CameraOpener opener) {
  camera_kind(options.fixed.source);
  if (options.gripper) {
    camera_kind(options.gripper->source);
    const bool device = camera_kind(options.gripper->source) == CameraKind::device;
    if (device && device_path(options.gripper->source) == device_path(options.fixed.source)) {
      throw Error(device_path(options.fixed.source) + ": one camera cannot be both the static and the gripper camera");
    }
  }
  return std::make_shared<PairedCameras>(options, opener);
}

}  // namespace deer
