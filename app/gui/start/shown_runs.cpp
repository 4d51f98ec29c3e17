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
FrameSourcePtr closing_source(const ShownRunPtr& run) {
  return {run.get(), [run](FrameSource*) { run->close(); }};
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
  parts_->server = std::make_unique<ShowServer>(address.toStdString(), [this](const ShownRunPtr& run) {
    const auto open = [this, run] {
      const auto name = QString::fromStdString(run->summary().name);
      Q_EMIT opening(name);
      parts_->session->open_model(parts_->runs->add(run));
      parts_->session->live()->open(name, [run] {
        LiveSource out;
        out.frames = closing_source(run);
        out.is_ready = [run] { return run->is_ready(); };
        return out;
      });
    };
    QMetaObject::invokeMethod(this, open, Qt::QueuedConnection);
  });
}

ShownRunOpener::~ShownRunOpener() = default;

QString ShownRunOpener::address() const { return QString::fromStdString(parts_->server->address()); }

}  // namespace deer
