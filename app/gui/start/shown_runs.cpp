// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/start/shown_runs.h"

#include <map>
#include <mutex>
#include <utility>

#include "core/base/error.h"
#include "core/serve/show_server.h"
#include "sessions/session/live_session.h"

namespace deer {

/// Thread-safe: runs come on the server's thread, and are asked for on the inference thread.
class ShownRuns {
 public:
  std::string add(const ShownRunPtr& run) {
    const std::lock_guard lock(mutex_);
    std::erase_if(runs_, [](const auto& one) { return one.second.expired(); });
    auto name = "recorder:" + std::to_string(++count_);
    runs_[name] = run;
    return name;
  }

  ShownRunPtr find(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = runs_.find(name);
    return found == runs_.end() ? nullptr : found->second.lock();
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::weak_ptr<ShownRun>> runs_;
  int count_ = 0;
};

namespace {

// The other program learns that nobody looks any more when the session lets go of the source.
template <typename Source>
FrameSourcePtr closing_source(const std::shared_ptr<Source>& source) {
  return {source.get(), [source](FrameSource*) { source->close(); }};
}

LiveSource shown_source(const ShownRunPtr& run) {
  LiveSource out;
  out.frames = closing_source(run);
  out.is_ready = [run] { return run->is_ready(); };
  return out;
}

LiveSource robot_source(const RobotFeedPtr& robot) {
  LiveSource out;
  out.frames = closing_source(robot);
  out.takes_commands = true;
  out.decided = [robot](const FrameRecordPtr& record) { robot->answer(record); };
  out.is_ready = [robot] { return robot->is_ready(); };
  out.started_at = robot->started_at();
  return out;
}

}  // namespace

bool can_show_runs() { return true; }

ShownRunsPtr make_shown_runs() { return std::make_shared<ShownRuns>(); }

EngineFactory engines_with(const ShownRunsPtr& runs) {
  return [runs](const std::filesystem::path& path, const EngineOptions& options, const ProgressCallback& progress,
                std::stop_token stop) {
    if (auto run = runs->find(path.string())) return make_shown_engine(std::move(run));
    return Engine::load(path, options, progress, std::move(stop));
  };
}

struct ShownRunOpener::Parts {
  Session* session;
  ShownRunsPtr runs;
  std::unique_ptr<ShowServer> server;
};

ShownRunOpener::ShownRunOpener(Session* session, ShownRunsPtr runs, const QString& address, QObject* parent)
    : QObject(parent), parts_(std::make_unique<Parts>(Parts{session, std::move(runs), nullptr})) {
  // On a thread of the server, which the destructor ends first.
  const auto later = [this](auto open) { QMetaObject::invokeMethod(this, std::move(open), Qt::QueuedConnection); };
  parts_->server = std::make_unique<ShowServer>(
      address.toStdString(), [this, later](const ShownRunPtr& run) { later([this, run] { open_run(run); }); },
      [this, later](const RobotFeedPtr& robot) { later([this, robot] { open_robot(robot); }); });
  connect(session, &Session::model_changed, this, &ShownRunOpener::describe);
  connect(session, &Session::policy_changed, this, &ShownRunOpener::describe);
  describe();
}

void ShownRunOpener::open_run(const ShownRunPtr& run) {
  const auto name = QString::fromStdString(run->summary().name);
  Q_EMIT opening(name);
  parts_->session->open_model(parts_->runs->add(run));
  parts_->session->live()->open(name, [run] { return shown_source(run); });
}

void ShownRunOpener::open_robot(const RobotFeedPtr& robot) {
  const auto name = tr("Robot");
  Q_EMIT opening(name);
  parts_->session->live()->open(name, [robot] { return robot_source(robot); });
}

// A policy that runs in another program can act on no robot here.
void ShownRunOpener::describe() {
  const auto* const model = parts_->session->model();
  const bool acts = model != nullptr && !model->path.empty() && model->layout->is_deer();
  parts_->server->describe(acts ? std::optional(*model) : std::nullopt, parts_->session->policy());
}

ShownRunOpener::~ShownRunOpener() = default;

QString ShownRunOpener::address() const { return QString::fromStdString(parts_->server->address()); }

}  // namespace deer
