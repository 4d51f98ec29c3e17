// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>

#include "core/base/error.h"
#include "core/serve/remote_engine.h"
#include "core/serve/server.h"
#include "tests/core/exits/random_picture.h"

namespace deer::test {

inline const std::filesystem::path kServedModel =
    std::filesystem::path(DEER_SOURCE_DIR) / "tests" / "data" / "random_demo" / "model";

inline FrameInput served_input(int frame, const std::string& instruction = "open the drawer") {
  return {frame, random_picture(200, 200, static_cast<unsigned>(2 * frame)),
          random_picture(84, 84, static_cast<unsigned>(2 * frame + 1)), instruction};
}

/// A server with the random demo model.
inline std::unique_ptr<EngineServer> serve_demo(const std::string& address = "127.0.0.1:0", ServeOptions options = {}) {
  options.address = address;
  return std::make_unique<EngineServer>([] { return Engine::load(kServedModel); }, options);
}

/// Steps of SlowEngine wait here until they are let go or cancelled.
struct Gate {
  std::mutex mutex;
  std::condition_variable_any changed;
  bool open = false;
  std::atomic<int> begun = 0;
  std::atomic<int> cancelled = 0;

  void let_go() {
    {
      const std::lock_guard lock(mutex);
      open = true;
    }
    changed.notify_all();
  }
  void pass(std::stop_token stop) {
    ++begun;
    std::unique_lock lock(mutex);
    if (!changed.wait(lock, stop, [this] { return open; })) {
      ++cancelled;
      throw Cancelled();
    }
  }
};

/// The demo's engine behind a gate.
class SlowEngine final : public Engine {
 public:
  SlowEngine(std::unique_ptr<Engine> engine, std::shared_ptr<Gate> gate)
      : engine_(std::move(engine)), gate_(std::move(gate)) {}

  const ModelSummary& summary() const override { return engine_->summary(); }
  void set_policy(const ExitPolicy& policy) override { engine_->set_policy(policy); }
  const ExitPolicy& policy() const override { return engine_->policy(); }
  void reset() override { engine_->reset(); }
  FrameRecordPtr step(const FrameInput& input, RunMode mode, std::stop_token stop) override {
    gate_->pass(stop);
    return engine_->step(input, mode, stop);
  }
  std::unique_ptr<Engine> another() const override { return std::make_unique<SlowEngine>(engine_->another(), gate_); }
  RolloutState state() const override { return engine_->state(); }
  void restore(const RolloutState& state) override { engine_->restore(state); }
  std::vector<FrameRecordPtr> replay(std::span<const FrameRecordPtr> records, const ExitPolicy& policy,
                                     std::stop_token stop) const override {
    return engine_->replay(records, policy, stop);
  }

 private:
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<Gate> gate_;
};

inline std::unique_ptr<EngineServer> serve_slowly(const std::shared_ptr<Gate>& gate, ServeOptions options = {}) {
  options.address = "127.0.0.1:0";
  return std::make_unique<EngineServer>([&] { return std::make_unique<SlowEngine>(Engine::load(kServedModel), gate); },
                                        options);
}

/// Empty if they are the same decision and, within 1e-6, the same numbers.
inline std::string difference(const FrameRecord& a, const FrameRecord& b) {
  const auto same = [](const ActionValues& x, const ActionValues& y) {
    if (x.size() != y.size()) return false;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!(std::abs(x[i] - y[i]) <= 1e-6F)) return false;
    }
    return true;
  };
  const auto what = [&](const char* field) { return "frame " + std::to_string(a.frame) + ": " + field; };
  if (a.frame != b.frame) return what("frame");
  if (a.step != b.step) return what("step");
  if (a.exit_layer != b.exit_layer || a.exit_index != b.exit_index) return what("exit");
  if (a.reason != b.reason) return what("reason");
  if (a.mode != b.mode || a.prompt_tokens != b.prompt_tokens) return what("mode or prompt");
  if (!same(a.action, b.action)) return what("action");
  if (!same(a.command, b.command)) return what("command");
  if (a.exits.size() != b.exits.size()) return what("number of exits");
  for (std::size_t i = 0; i < a.exits.size(); ++i) {
    const auto& x = a.exits[i];
    const auto& y = b.exits[i];
    if (x.layer != y.layer || x.evaluated_by_policy != y.evaluated_by_policy) return what("exits");
    if (!same(x.action, y.action)) return what("an exit's action");
    if (x.feature != y.feature) return what("an exit's feature");
    if (x.delta != y.delta && !(std::isnan(x.delta) && std::isnan(y.delta))) return what("delta");
  }
  return {};
}

}  // namespace deer::test
