// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/exits/engine.h"
#include "core/head/head_cache.h"

namespace deer {

enum class ConnectionChange {
  lost,     ///< a call found no server and tries again
  found,    ///< it is there again
  given_up  ///< the call ended without it
};

struct RemoteOptions {
  std::string token;                           ///< the server's; empty: none
  std::filesystem::path tls_ca;                ///< PEM of who signed the server's certificate; empty: the system's
  std::chrono::milliseconds deadline{60'000};  ///< of one call, waiting for other clients included
  /// How long a lost connection is tried again before a call fails; 0: not at all.
  std::chrono::milliseconds reconnect{30'000};
  /// The rollout is opened when a step first needs it, and reset(), set_policy() and restore() only note what the next
  /// step begins with: they neither wait nor check. health() needs no rollout.
  bool lazy = false;
  /// Records hold the features of evaluated exits, which replays need. They are most of what is sent.
  bool features = true;
  /// Called when it changes, on the thread of the call that notices.
  std::function<void(ConnectionChange)> on_connection{};
};

struct ServerHealth {
  std::string version;  ///< of Deerscope
  double uptime_s = 0;
  int rollouts = 0;       ///< open
  int rollouts_most = 0;  ///< that may be open
  std::int64_t steps = 0;
  int waiting = 0;  ///< calls that wait for the model
};

/// A rollout on a server (`deer serve`) as an engine. Same results as the engine there, from one thread at a time; any
/// call may wait for the network. Server addresses that are not of this machine are reached by TLS only.
///
/// The rollout's state comes back with every step. After a lost connection, a call connects again, opens the rollout
/// with that state, here or on a restarted server, and is repeated, so that its results are those of an uninterrupted
/// run. Throws Error if this takes longer than RemoteOptions::reconnect, or if another model answers.
class RemoteEngine final : public Engine {
 public:
  /// Throws Error if no server answers, the token is wrong or the server is of another version; Cancelled on `stop`.
  static std::unique_ptr<RemoteEngine> connect(const std::string& address, const RemoteOptions& options = {},
                                               std::stop_token stop = {});
  ~RemoteEngine() override;
  RemoteEngine(const RemoteEngine&) = delete;
  RemoteEngine& operator=(const RemoteEngine&) = delete;

  ServerHealth health(std::stop_token stop = {}) const;
  const std::string& fingerprint() const;  ///< of the model; empty if the server does not say
  int reconnects() const { return reconnects_; }

  /// The model's action heads for replays here, as files; empty if the server sends none.
  const std::vector<HeadFile>& head_files() const;
  /// See HeadReader. A connection that is lost meanwhile is made again, and the rest read.
  void read_head(const HeadFile& file, const std::function<void(std::string_view)>& take, std::stop_token stop) const;

  /// `path` is the address; `config` is null, and the gate is not loaded.
  const ModelSummary& summary() const override;
  /// A gate is sent by its fingerprint: the server must have it.
  void set_policy(const ExitPolicy& policy) override;
  const ExitPolicy& policy() const override { return policy_; }
  void reset() override;
  /// Throws Error also if the deadline passes.
  FrameRecordPtr step(const FrameInput& input, RunMode mode, std::stop_token stop = {}) override;
  /// Throws Error for a hidden camera if the server is of a version that hides none. Whether there is such a layer or
  /// head is known with the next step.
  void set_intervention(const Intervention& intervention) override;
  AttentionMap attend(const FrameInput& input, int exit_layer, std::stop_token stop = {}) override;
  std::unique_ptr<Engine> another() const override;
  RolloutState state() const override { return state_; }
  void restore(const RolloutState& state) override;
  /// Throws Error: replays need the action head here.
  std::vector<FrameRecordPtr> replay(std::span<const FrameRecordPtr> records, const ExitPolicy& policy,
                                     std::stop_token stop = {}) const override;

 private:
  struct Connection;
  using Deadline = std::chrono::system_clock::time_point;

  RemoteEngine(std::shared_ptr<const Connection> connection, ExitPolicy policy);
  void open(const std::stop_token& stop);
  void wait_for_server(const std::stop_token& stop, Deadline until) const;
  template <typename Call>
  void on_rollout(const std::stop_token& stop, Call&& call);
  void forget_rollout();

  std::shared_ptr<const Connection> connection_;
  ExitPolicy policy_;
  RolloutState state_;
  Intervention intervention_;
  std::string rollout_;   // its name there; empty: it has to be opened
  std::string replaced_;  // to close when it is opened again
  int reconnects_ = 0;
};

}  // namespace deer
