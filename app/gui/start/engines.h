// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "app/gui/start/engine_memory.h"
#include "sessions/base/factories.h"
#include "sessions/threads/newest_task.h"

namespace deer {

/// Whether this build can connect to models on other computers. Nothing below but the memory is of use without it.
bool can_connect_engines();

/// What a server says of itself.
struct EngineCheck {
  ModelSummary model;
  std::string fingerprint;
  std::string version;  ///< of Deerscope there
};

/// Asks the server at an address. Not for the GUI thread: it waits for the network, some seconds at most. Throws Error
/// with what is wrong, also if the server sends no action heads; Cancelled on `stop`.
EngineCheck check_engine(const EngineAddress& engine, std::stop_token stop);

/// The models on other computers that this program knows. GUI thread only, save what factory() gives. It must outlive
/// the sessions with engines of its factory.
class Engines : public QObject {
  Q_OBJECT

 public:
  /// Addresses are remembered in the folder `settings`, if `remembers`; action heads are kept below `cache`.
  Engines(const std::filesystem::path& settings, const std::filesystem::path& cache, bool remembers);
  ~Engines() override;

  /// Makes engines for paths that name an address, and for the folders with their action heads unless these alone are
  /// asked for; all others are made by `others`. May be called on any thread.
  EngineFactory factory(EngineFactory others);

  const std::vector<EngineAddress>& recent() const { return recent_; }  ///< the newest first
  /// The path for Session::open_model(). The address is the newest of recent() then.
  std::filesystem::path add(const EngineAddress& engine);
  /// By which path a model is opened again: for a folder of action heads the engine's that they came from.
  std::filesystem::path lasting_path(const std::filesystem::path& model) const;

 Q_SIGNALS:
  void lost(const QString& address);      ///< a call found the connection lost and tries again
  void found(const QString& address);     ///< it is there again
  void given_up(const QString& address);  ///< the call ended without it

 private:
  struct State;

  EngineMemory memory_;
  bool remembers_;
  std::vector<EngineAddress> recent_;
  std::shared_ptr<State> state_;
  NewestTask files_;  ///< writes memory_
};

}  // namespace deer
