// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "core/exits/engine.h"

namespace deer {

struct ServeOptions {
  std::string address = "127.0.0.1:8477";  ///< see ServeAddress; port 0: any free one
  std::string token;                       ///< clients must show it; empty: none
  std::filesystem::path tls_certificate;   ///< PEM, with the chain; both or none
  std::filesystem::path tls_key;           ///< PEM
  int rollouts = 64;                       ///< that may be open at once
  std::chrono::seconds idle{600};          ///< an unused rollout may be closed after this to make room for another
  std::string fingerprint;                 ///< of the model, for clients; see model_fingerprint()
  std::filesystem::path head;              ///< model whose action heads clients may fetch; empty: none
};

/// A model behind gRPC, as engine.proto describes it: many clients, each with rollouts of its own, on one copy of the
/// weights. Answers from its construction to its destruction, on threads of its own. Thread-safe.
class EngineServer {
 public:
  /// Makes the engine; called once, on the thread that will use it. The engine must provide another() and state().
  using Load = std::function<std::unique_ptr<Engine>()>;

  /// The address and files are checked before the model is loaded. Throws Error: an address that is taken or that can
  /// be reached from outside without token and TLS, files, or what `load` throws.
  EngineServer(const Load& load, const ServeOptions& options);

  /// Refuses new calls, gives those under way two seconds, then cancels them.
  ~EngineServer();
  EngineServer(const EngineServer&) = delete;
  EngineServer& operator=(const EngineServer&) = delete;

  /// Where it listens, with the port that was chosen.
  const std::string& address() const;
  const ModelSummary& summary() const;
  std::int64_t steps() const;  ///< run since the start

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace deer
