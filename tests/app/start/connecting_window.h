// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTemporaryDir>
#include <QTest>
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "app/gui/parts/engine_part.h"
#include "app/gui/window/main_window.h"
#include "core/base/error.h"
#include "core/serve/server.h"
#include "sessions/traces/trace_episodes.h"
#include "tests/sessions/support/session_fixture.h"

namespace deer::test {

inline const std::string kServed = DEER_TEST_DATA "/random_demo/model";
inline const std::string kData = DEER_TEST_DATA "/calvin_mini/validation";
inline const QString kFingerprint(40, u'c');

/// The served model, whose steps wait while they are held.
struct Brake {
  std::mutex mutex;
  std::condition_variable_any changed;
  int allowed = 1'000'000;  ///< steps
  std::atomic<int> waiting = 0;

  void allow(int steps) {
    {
      const std::lock_guard lock(mutex);
      allowed = steps;
    }
    changed.notify_all();
  }
  void pass(std::stop_token stop) {
    std::unique_lock lock(mutex);
    ++waiting;
    const bool may_go = changed.wait(lock, std::move(stop), [this] { return allowed > 0; });
    --waiting;
    if (!may_go) throw Cancelled();
    --allowed;
  }
};

class BrakedEngine final : public Engine {
 public:
  BrakedEngine(std::unique_ptr<Engine> engine, std::shared_ptr<Brake> brake)
      : engine_(std::move(engine)), brake_(std::move(brake)) {}

  const ModelSummary& summary() const override { return engine_->summary(); }
  void set_policy(const ExitPolicy& policy) override { engine_->set_policy(policy); }
  const ExitPolicy& policy() const override { return engine_->policy(); }
  void reset() override { engine_->reset(); }
  FrameRecordPtr step(const FrameInput& input, RunMode mode, std::stop_token stop) override {
    brake_->pass(stop);
    return engine_->step(input, mode, stop);
  }
  void set_intervention(const Intervention& intervention) override { engine_->set_intervention(intervention); }
  AttentionMap attend(const FrameInput& input, int exit_layer, std::stop_token stop) override {
    return engine_->attend(input, exit_layer, std::move(stop));
  }
  std::unique_ptr<Engine> another() const override {
    return std::make_unique<BrakedEngine>(engine_->another(), brake_);
  }
  RolloutState state() const override { return engine_->state(); }
  void restore(const RolloutState& state) override { engine_->restore(state); }
  std::vector<FrameRecordPtr> replay(std::span<const FrameRecordPtr> records, const ExitPolicy& policy,
                                     std::stop_token stop) const override {
    return engine_->replay(records, policy, std::move(stop));
  }

 private:
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<Brake> brake_;
};

/// A server like `deer serve`.
struct Served {
  explicit Served(const std::string& address = "127.0.0.1:0", const std::string& token = {})
      : Served([&] {
          ServeOptions options;
          options.address = address;
          options.token = token;
          return options;
        }()) {}
  explicit Served(ServeOptions options) {
    options.fingerprint = kFingerprint.toStdString();
    options.head = kServed;
    server = std::make_unique<EngineServer>(
        [this] { return std::make_unique<BrakedEngine>(Engine::load(kServed), brake); }, options);
  }
  QString address() const { return QString::fromStdString(server->address()); }

  std::shared_ptr<Brake> brake = std::make_shared<Brake>();
  std::unique_ptr<EngineServer> server;
};

/// The program's window, with settings and cache of its own.
struct ConnectingWindow {
  ConnectingWindow() {
    part->use(&engines);
    window.resize(1280, 800);
    window.show();
    shown = QTest::qWaitForWindowExposed(&window);
  }

  std::filesystem::path path(const char* name) const { return folder.filePath(name).toStdString(); }
  bool idle() const { return session.activity() == Session::Activity::idle; }
  bool connect_to(const EngineAddress& engine) {
    part->open(engine);
    return QTest::qWaitFor([this] { return idle(); }, kPatienceMs) && session.model() != nullptr;
  }
  bool open_data() {
    session.open_source(kData);
    return QTest::qWaitFor([this] { return session.frame_count() > 0 && idle(); }, kPatienceMs);
  }
  bool wait_for_run() {
    return QTest::qWaitFor([this] { return idle() && session.evaluated_count() == session.frame_count(); },
                           kPatienceMs);
  }

  QTemporaryDir folder;
  Engines engines{path("settings"), path("cache"), true};
  Session session{engines.factory(&Engine::load), SourceOpener(&open_recording)};
  MainWindow window{&session, SessionStore(path("settings"))};
  EnginePart* part = window.findChild<EnginePart*>();
  bool shown = false;
};

}  // namespace deer::test
