// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/remote_engine.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "core/base/error.h"
#include "core/serve/address.h"
#include "core/serve/engine.grpc.pb.h"
#include "core/serve/messages.h"
#include "core/serve/quiet_grpc.h"

namespace deer {
namespace {

using Clock = std::chrono::system_clock;
using Stub = serve::wire::Engine::Stub;

std::shared_ptr<grpc::Channel> open_channel(const ServeAddress& address, const RemoteOptions& options) {
  constexpr int kFirstWaitMs = 100, kLongestWaitMs = 1000, kConnectMs = 5000;
  serve::quiet_grpc();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(serve::kMostBytes);
  arguments.SetMaxSendMessageSize(serve::kMostBytes);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstWaitMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMs);  // the least time that an attempt has
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestWaitMs);
  // Otherwise two engines of one program would share a connection, and its limits.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (address.is_local && options.tls_ca.empty()) {
    return grpc::CreateCustomChannel(address.text, grpc::InsecureChannelCredentials(), arguments);
  }
  grpc::SslCredentialsOptions tls;
  if (!options.tls_ca.empty()) tls.pem_root_certs = read_pem(options.tls_ca, "CERTIFICATE");
  return grpc::CreateCustomChannel(address.text, grpc::SslCredentials(tls), arguments);
}

// A call that can be repeated once the server and its rollout are there again.
class ConnectionLost final : public Error {
 public:
  ConnectionLost(const std::string& message, bool is_away) : Error(message), is_away_(is_away) {}
  bool is_away() const { return is_away_; }  // the server itself, not only what it knew of the rollout

 private:
  bool is_away_;
};

// The connection, or what the server knew of the rollout, is lost: both are made again.
bool is_lost(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE || status.error_code() == grpc::StatusCode::NOT_FOUND ||
         status.error_code() == grpc::StatusCode::CANCELLED;  // not by us: then there is an exception
}

// Before a call that may fail at once is repeated.
void pause(const std::stop_token& stop) {
  constexpr auto kPause = std::chrono::milliseconds(50);
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, kPause, [] { return false; });
}

// Says once that the server is away, and how that ended.
class ConnectionNotice {
 public:
  explicit ConnectionNotice(const RemoteOptions& options) : options_(options) {}
  ~ConnectionNotice() { end(ConnectionChange::given_up); }
  ConnectionNotice(const ConnectionNotice&) = delete;
  ConnectionNotice& operator=(const ConnectionNotice&) = delete;

  void lost() {
    if (!std::exchange(is_away_, true)) tell(ConnectionChange::lost);
  }
  void found() { end(ConnectionChange::found); }

 private:
  void end(ConnectionChange how) {
    if (std::exchange(is_away_, false)) tell(how);
  }
  void tell(ConnectionChange change) const {
    if (options_.on_connection) options_.on_connection(change);
  }

  const RemoteOptions& options_;
  bool is_away_ = false;
};

}  // namespace

struct RemoteEngine::Connection {
  std::string address;
  RemoteOptions options;
  std::unique_ptr<Stub> stub;
  ModelSummary summary;
  std::string fingerprint;
  bool uses_tls = false;
  bool hides_cameras = false;
  std::string head_fingerprint;
  std::vector<HeadFile> head;

  void prepare(grpc::ClientContext& context, std::optional<Deadline> wait_until) const {
    context.set_deadline(wait_until.value_or(Clock::now() + options.deadline));
    context.set_wait_for_ready(wait_until.has_value());
    if (!options.token.empty()) context.AddMetadata("authorization", "Bearer " + options.token);
  }

  // Throws Cancelled if `stop` is why the call failed.
  template <typename Method, typename Request, typename Reply>
  grpc::Status call(Method method, const Request& request, Reply& reply, const std::stop_token& stop,
                    std::optional<Deadline> wait_until = {}) const {
    if (stop.stop_requested()) throw Cancelled();
    grpc::ClientContext context;
    prepare(context, wait_until);
    reply.Clear();
    const std::stop_callback cancel(stop, [&] { context.TryCancel(); });
    auto status = (stub.get()->*method)(&context, request, &reply);
    if (!status.ok() && stop.stop_requested()) throw Cancelled();
    return status;
  }

  // gRPC tells neither side's mistakes with TLS apart from others.
  std::string what_to_check(const std::string& reason) const {
    if (reason.find("C-ares") != std::string::npos || reason.find("DNS") != std::string::npos) {
      return " (is the host's name right?)";
    }
    if (uses_tls) return " (does the server use TLS, with a certificate that is vouched for?)";
    return reason.find("Socket closed") == std::string::npos ? "" : " (a server with TLS needs --tls-ca)";
  }

  [[noreturn]] void fail(const grpc::Status& status) const {
    constexpr std::size_t kMostText = 2000;
    const auto message = printable(status.error_message(), kMostText);
    switch (status.error_code()) {
      case grpc::StatusCode::UNAVAILABLE:
        // The advice first: a window may cut the end off.
        throw ConnectionLost("no server answers at " + address + what_to_check(status.error_message()) + ": " + message,
                             true);
      case grpc::StatusCode::DEADLINE_EXCEEDED:
        throw Error("the server at " + address + " did not answer in time");
      default:
        if (is_lost(status)) {
          throw ConnectionLost("the server at " + address + ": " + message,
                               status.error_code() != grpc::StatusCode::NOT_FOUND);
        }
        throw Error("the server at " + address + ": " + message);
    }
  }

  void check(const serve::wire::DescribeReply& reply) const {
    if (reply.protocol() == serve::kProtocol) return;
    throw Error("the server at " + address + " speaks protocol " + std::to_string(reply.protocol()) + ", expected " +
                std::to_string(serve::kProtocol) + ": it is of another version");
  }

  void check_same_model(const serve::wire::DescribeReply& reply) const {
    check(reply);
    const std::vector<int> exits(reply.exit_layers().begin(), reply.exit_layers().end());
    if (reply.fingerprint() == fingerprint && exits == summary.exit_layers &&
        reply.parameters() == summary.parameters && reply.dtype() == summary.dtype) {
      return;
    }
    throw Error("the server at " + address + " came back with another model, " + printable(reply.name()) +
                ": the rollout cannot be continued");
  }
};

RemoteEngine::RemoteEngine(std::shared_ptr<const Connection> connection, ExitPolicy policy)
    : connection_(std::move(connection)), policy_(std::move(policy)) {}

std::unique_ptr<RemoteEngine> RemoteEngine::connect(const std::string& address, const RemoteOptions& options,
                                                    std::stop_token stop) {
  const auto where = ServeAddress::parse(address);
  auto connection = std::make_shared<Connection>();
  connection->address = address;
  connection->options = options;
  connection->uses_tls = !where.is_local || !options.tls_ca.empty();
  connection->stub = serve::wire::Engine::NewStub(open_channel(where, options));
  serve::wire::DescribeReply reply;
  const auto status = connection->call(&Stub::Describe, serve::wire::DescribeRequest(), reply, stop);
  if (!status.ok()) connection->fail(status);
  connection->check(reply);
  connection->summary = serve::to_summary(reply);
  connection->summary.path = address;
  connection->fingerprint = reply.fingerprint();
  connection->hides_cameras = reply.hides_cameras();
  connection->head = serve::to_head(reply);
  connection->head_fingerprint = reply.head().fingerprint();
  std::unique_ptr<RemoteEngine> out(new RemoteEngine(std::move(connection), serve::to_policy(reply.policy())));
  if (!options.lazy) out->open(stop);
  return out;
}

RemoteEngine::~RemoteEngine() {
  if (rollout_.empty()) return;
  grpc::ClientContext context;
  context.set_deadline(Clock::now() + std::chrono::milliseconds(500));
  const auto& token = connection_->options.token;
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  serve::wire::CloseRequest request;
  serve::wire::CloseReply reply;
  request.set_rollout(rollout_);
  (void)connection_->stub->Close(&context, request, &reply);  // if it fails, the server closes it when it needs room
}

const ModelSummary& RemoteEngine::summary() const { return connection_->summary; }
const std::string& RemoteEngine::fingerprint() const { return connection_->fingerprint; }
const std::vector<HeadFile>& RemoteEngine::head_files() const { return connection_->head; }

ServerHealth RemoteEngine::health(std::stop_token stop) const {
  serve::wire::HealthReply reply;
  const auto status = connection_->call(&Stub::Health, serve::wire::HealthRequest(), reply, stop);
  if (!status.ok()) connection_->fail(status);
  return {reply.version(), reply.uptime_s(), reply.rollouts(), reply.rollouts_most(), reply.steps(), reply.waiting()};
}

void RemoteEngine::open(const std::stop_token& stop) {
  serve::wire::OpenRequest request;
  request.set_protocol(serve::kProtocol);
  request.set_policy(serve::policy_message(policy_));
  request.set_replaces(replaced_);
  serve::put_state(state_, *request.mutable_state());
  serve::wire::OpenReply reply;
  const auto status = connection_->call(&Stub::Open, request, reply, stop);
  if (!status.ok()) connection_->fail(status);
  rollout_ = reply.rollout();
  replaced_.clear();
}

// Waits for the server until then if it is away, and for its model if it has to load it.
void RemoteEngine::wait_for_server(const std::stop_token& stop, Deadline until) const {
  serve::wire::DescribeReply reply;
  const auto found = connection_->call(&Stub::Describe, serve::wire::DescribeRequest(), reply, stop, until);
  if (found.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    throw Error("the connection to the server at " + connection_->address + " was lost, and it did not come back");
  }
  if (!found.ok()) connection_->fail(found);
  connection_->check_same_model(reply);
}

void RemoteEngine::forget_rollout() {
  if (!rollout_.empty()) replaced_ = std::exchange(rollout_, {});
}

// Runs `call`, which returns a status, on the rollout; as often as the connection is lost, within the limit.
template <typename Call>
void RemoteEngine::on_rollout(const std::stop_token& stop, Call&& call) {
  const auto until = Clock::now() + connection_->options.reconnect;
  bool was_lost = false;
  ConnectionNotice notice(connection_->options);
  while (true) {
    try {
      if (was_lost) wait_for_server(stop, until);
      if (rollout_.empty()) open(stop);
      if (std::exchange(was_lost, false)) ++reconnects_;
      notice.found();
      const grpc::Status status = call();
      if (status.ok()) return;
      // Whether the server took the step is not known: it gets the state of before.
      if (is_lost(status) || status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) forget_rollout();
      connection_->fail(status);
    } catch (const Cancelled&) {
      forget_rollout();
      throw;
    } catch (const ConnectionLost& lost) {
      if (Clock::now() >= until) throw;
      was_lost = true;
      if (lost.is_away()) notice.lost();
    }
  }
}

void RemoteEngine::set_policy(const ExitPolicy& policy) {
  if (connection_->options.lazy) {
    policy_ = policy;
    return forget_rollout();
  }
  serve::wire::SetPolicyRequest request;
  serve::wire::SetPolicyReply reply;
  request.set_policy(serve::policy_message(policy));
  on_rollout({}, [&] {
    request.set_rollout(rollout_);
    return connection_->call(&Stub::SetPolicy, request, reply, {});
  });
  policy_ = serve::to_policy(reply.policy());
}

void RemoteEngine::reset() {
  serve::wire::ResetRequest request;
  serve::wire::ResetReply reply;
  state_ = {};
  if (connection_->options.lazy) return forget_rollout();
  try {
    on_rollout({}, [&] {
      request.set_rollout(rollout_);
      return connection_->call(&Stub::Reset, request, reply, {});
    });
  } catch (...) {
    forget_rollout();  // it still has its history there; the next one has none
    throw;
  }
}

FrameRecordPtr RemoteEngine::step(const FrameInput& seen, RunMode mode, std::stop_token stop) {
  const auto input = intervention_.empty() ? seen : apply(intervention_, seen);
  serve::wire::StepRequest request;
  serve::put_input(input, *request.mutable_observation());
  serve::put_hidden(intervention_, request);
  request.set_probe(mode == RunMode::probe);
  request.set_features(connection_->options.features);
  request.set_state(true);
  serve::wire::StepReply reply;
  on_rollout(stop, [&] {
    request.set_rollout(rollout_);
    return connection_->call(&Stub::Step, request, reply, stop);
  });
  auto record = std::make_shared<const FrameRecord>(serve::to_record(reply));
  state_ = serve::to_state(reply.state());
  return record;
}

void RemoteEngine::set_intervention(const Intervention& intervention) {
  if (!intervention.knockouts.empty() && !connection_->hides_cameras) {
    throw Error("the server at " + connection_->address + " hides no cameras: it is of an older version");
  }
  intervention_ = intervention;
}

AttentionMap RemoteEngine::attend(const FrameInput& input, int exit_layer, std::stop_token stop) {
  serve::wire::AttendRequest request;
  serve::put_input(input, *request.mutable_observation());
  request.set_exit_layer(exit_layer);
  serve::wire::AttendReply reply;
  on_rollout(stop, [&] {
    request.set_rollout(rollout_);
    return connection_->call(&Stub::Attend, request, reply, stop);
  });
  return serve::to_attention(reply);
}

std::unique_ptr<Engine> RemoteEngine::another() const {
  std::unique_ptr<RemoteEngine> out(new RemoteEngine(connection_, policy_));
  if (!connection_->options.lazy) out->open({});
  return out;
}

void RemoteEngine::restore(const RolloutState& state) {
  auto before = std::exchange(state_, state);
  forget_rollout();
  if (connection_->options.lazy) return;
  try {
    on_rollout({}, [] { return grpc::Status::OK; });
  } catch (...) {
    state_ = std::move(before);
    throw;
  }
}

void RemoteEngine::read_head(const HeadFile& file, const std::function<void(std::string_view)>& take,
                             std::stop_token stop) const {
  serve::wire::HeadRequest request;
  request.set_fingerprint(connection_->head_fingerprint);
  request.set_file(file.name);
  std::int64_t offset = 0;
  auto until = Clock::now() + connection_->options.reconnect;
  std::optional<Deadline> wait_until;
  while (offset < file.size) {
    if (stop.stop_requested()) throw Cancelled();
    request.set_offset(offset);
    grpc::ClientContext context;
    connection_->prepare(context, wait_until);
    const std::stop_callback cancel(stop, [&] { context.TryCancel(); });
    const auto reader = connection_->stub->Head(&context, request);
    serve::wire::HeadBlock block;
    const auto began = offset;
    try {
      while (reader->Read(&block)) {
        const auto size = static_cast<std::int64_t>(block.data().size());
        if (size == 0 || block.data().size() > kHeadBlock || size > file.size - offset) {
          throw Error("the server at " + connection_->address + " sends " + file.name + " in a block of " +
                      std::to_string(size) + " bytes, expected 1 to " +
                      std::to_string(std::min<std::int64_t>(kHeadBlock, file.size - offset)));
        }
        take(block.data());
        offset += size;
      }
    } catch (...) {
      context.TryCancel();
      (void)reader->Finish();
      throw;
    }
    const auto status = reader->Finish();
    if (stop.stop_requested()) throw Cancelled();
    if (offset == file.size) return;
    if (status.ok()) {
      throw Error("the server at " + connection_->address + " ended " + file.name + " after " + std::to_string(offset) +
                  " of " + std::to_string(file.size) + " bytes");
    }
    const bool goes_on = offset > began;
    if (goes_on) {
      until = Clock::now() + connection_->options.reconnect;
    } else {
      pause(stop);
    }
    const bool was_cut = is_lost(status) || (goes_on && status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
    if (!was_cut || Clock::now() >= until) connection_->fail(status);
    wait_until = until;
  }
}

std::vector<FrameRecordPtr> RemoteEngine::replay(std::span<const FrameRecordPtr>, const ExitPolicy&,
                                                 std::stop_token) const {
  throw Error("a server replays no records: load the model here for this");
}

}  // namespace deer
