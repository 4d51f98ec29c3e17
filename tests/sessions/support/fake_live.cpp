// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/sessions/support/fake_live.h"

#include <chrono>
#include <condition_variable>

#include "core/base/error.h"

namespace deer::test {
namespace {

class FakeLiveSource final : public FrameSource {
 public:
  FakeLiveSource(FakeLivePtr control, bool speechless) : control_(std::move(control)), speechless_(speechless) {
    info_.title = "fake world";
    info_.kind = "fake";
    info_.has_gripper_camera = true;
    control_->alive = true;
  }
  ~FakeLiveSource() override {
    control_->ended_on = std::this_thread::get_id();
    control_->alive = false;
  }

  const SourceInfo& info() const override { return info_; }
  std::optional<std::int64_t> length() const override { return std::nullopt; }
  const std::vector<InstructionSpan>& instructions() const override { return spans_; }
  ObservationPtr read(std::int64_t) override { throw Error("a live source is not read by index"); }

  ObservationPtr next(std::stop_token stop) override {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any wake;
    ++control_->waiting;
    if (control_->block) {
      wake.wait(lock, stop, [] { return false; });
    } else {
      wake.wait_for(lock, stop, std::chrono::milliseconds(control_->frame_ms), [] { return false; });
    }
    --control_->waiting;
    if (stop.stop_requested() || frame_ == control_->end_at) return nullptr;
    auto expected = frame_;
    if (control_->fail_at.compare_exchange_strong(expected, -1)) throw Error("the plug was pulled");
    auto seen = std::make_shared<Observation>();
    seen->frame = seen->frame_id = frame_;
    const auto gap = control_->gap_at.load();
    seen->timestamp_s = double(frame_ + (gap >= 0 && frame_ >= gap ? 3 : 0)) / 30;
    seen->rgb_static = picture();
    seen->rgb_gripper = picture();
    if (!speechless_) {
      const std::scoped_lock guard(control_->mutex);
      seen->instruction = control_->instruction;
    }
    seen->starts_episode = frame_ == 0 || frame_ == control_->restart_at;
    ++frame_;
    return seen;
  }

  std::int64_t frames() const { return frame_; }

  void act(const std::array<float, 7>& command) override {
    const std::scoped_lock lock(control_->mutex);
    control_->commands_.push_back(command);
  }

 private:
  ImagePtr picture() const {
    auto image = std::make_shared<Image>();
    image->width = image->height = FakeLive::kPicture;
    image->rgb.assign(FakeLive::kBytes / 2, std::uint8_t(frame_ % 256));
    return image;
  }

  FakeLivePtr control_;
  bool speechless_;
  SourceInfo info_;
  std::vector<InstructionSpan> spans_;
  std::int64_t frame_ = 0;
};

}  // namespace

LiveOpener fake_live_opener(FakeLivePtr control, bool takes_commands, bool speechless) {
  return [control, takes_commands, speechless] {
    if (control->end_at == 0) throw Error("there is no world");
    LiveSource out;
    const auto source = std::make_shared<FakeLiveSource>(control, speechless);
    out.frames = source;
    out.takes_commands = takes_commands;
    if (!speechless) {
      out.instruct = [control](const std::string& text) {
        const std::scoped_lock lock(control->mutex);
        control->instruction = text;
      };
    }
    out.status = [control, source] { return std::to_string(control->commands().size()) + " commands"; };
    out.tasks = [control, source]() -> std::optional<TaskCount> {
      if (!control->counts_tasks) return std::nullopt;
      const auto ended = static_cast<int>(source->frames() / 20);
      return TaskCount{ended - ended / 3, ended / 3};
    };
    return out;
  };
}

}  // namespace deer::test
