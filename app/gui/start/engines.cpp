// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/start/engines.h"

#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/model/heads_folder.h"
#include "core/serve/address.h"
#include "core/serve/connected_engine.h"
#include "sessions/base/engine_paths.h"

namespace deer {
namespace {

RemoteOptions remote_options(const EngineAddress& engine) {
  RemoteOptions out;
  if (!engine.token_file.isEmpty()) out.token = read_token(to_path(engine.token_file));
  out.tls_ca = to_path(engine.tls_ca);
  return out;
}

}  // namespace

bool can_connect_engines() { return true; }

EngineCheck check_engine(const EngineAddress& engine, std::stop_token stop) {
  constexpr auto kPatience = std::chrono::seconds(10);
  auto options = remote_options(engine);
  options.deadline = kPatience;
  options.reconnect = {};
  options.lazy = true;  // also a full server is described
  const auto address = engine.address.toStdString();
  const auto remote = RemoteEngine::connect(address, options, stop);
  if (remote->head_files().empty()) throw Error(no_heads_text(address));
  return {remote->summary(), remote->fingerprint(), remote->health(stop).version};
}

/// Thread-safe.
struct Engines::State {
  std::optional<EngineAddress> find(const std::filesystem::path& path) const {
    const std::lock_guard lock(mutex);
    auto address = engine_address(path);
    if (const auto folder = folders.find(path.string()); folder != folders.end()) address = folder->second;
    if (address.isEmpty()) return std::nullopt;
    const auto known = engines.find(address);
    return known == engines.end() ? EngineAddress{address, {}, {}} : known->second;
  }

  std::filesystem::path cache;
  mutable std::mutex mutex;  // guards the block below
  std::map<QString, EngineAddress> engines;
  std::map<std::string, QString> folders;  // of action heads, and where they came from
};

Engines::Engines(const std::filesystem::path& settings, const std::filesystem::path& cache, bool remembers)
    : memory_(settings), remembers_(remembers), state_(std::make_shared<State>()) {
  state_->cache = cache;
  if (remembers_) recent_ = memory_.load();
  for (const auto& one : recent_) state_->engines[one.address] = one;
}

Engines::~Engines() = default;

EngineFactory Engines::factory(EngineFactory others) {
  return [owner = this, state = state_, others = std::move(others)](
             const std::filesystem::path& path, const EngineOptions& options, const ProgressCallback& progress,
             std::stop_token stop) {
    const auto engine = options.head_only ? std::nullopt : state->find(path);
    if (!engine) return others(path, options, progress, std::move(stop));
    auto remote = remote_options(*engine);
    remote.on_connection = [owner, address = engine->address](ConnectionChange now) {
      QMetaObject::invokeMethod(
          owner,
          [owner, address, now] {
            if (now == ConnectionChange::lost) Q_EMIT owner->lost(address);
            if (now == ConnectionChange::found) Q_EMIT owner->found(address);
            if (now == ConnectionChange::given_up) Q_EMIT owner->given_up(address);
          },
          Qt::QueuedConnection);
    };
    auto out = connect_engine(engine->address.toStdString(), std::move(remote), state->cache, progress, stop);
    const std::lock_guard lock(state->mutex);
    state->folders[out->summary().path.string()] = engine->address;
    return out;
  };
}

std::filesystem::path Engines::add(const EngineAddress& engine) {
  add_engine(&recent_, engine);
  {
    const std::lock_guard lock(state_->mutex);
    state_->engines[engine.address] = engine;
  }
  if (remembers_) {
    files_.ask([memory = memory_, engines = recent_](const std::stop_token&) {
      try {
        memory.save(engines);
      } catch (const std::exception& error) {
        qWarning("%s", error.what());
      }
    });
  }
  return engine_path(engine.address);
}

std::filesystem::path Engines::lasting_path(const std::filesystem::path& model) const {
  if (!holds_heads_only(model)) return model;
  const auto engine = state_->find(model);
  return engine ? engine_path(engine->address) : model;
}

}  // namespace deer
