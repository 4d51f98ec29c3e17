// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/resource_quota.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "core/base/error.h"
#include "core/serve/address.h"
#include "core/serve/quiet_grpc.h"
#include "core/serve/service.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

ServeAddress checked_address(const ServeOptions& options) {
  auto address = ServeAddress::parse(options.address);
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    throw Error("TLS needs both a certificate and its key, and only one is given");
  }
  if (!address.is_local && (options.token.empty() || options.tls_key.empty())) {
    throw Error("address '" + printable(options.address) +
                "' can be reached from other machines: expected a token and TLS (a certificate and its key), or a "
                "loopback address such as 127.0.0.1:8477, or unix:PATH");
  }
  if (!address.socket.empty()) {
    std::error_code ignored;
    const auto kind = fs::symlink_status(address.socket, ignored).type();
    if (kind != fs::file_type::not_found && kind != fs::file_type::socket) {
      throw FileError(address.socket, "is there and is not a socket");
    }
    if (answers(address.socket)) throw FileError(address.socket, "is taken by another server");
    if (!fs::is_directory(address.socket.parent_path())) {
      throw FileError(address.socket.parent_path(), "is not a directory");
    }
  }
  return address;
}

std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  if (!in || !fs::is_regular_file(file) || !(out << in.rdbuf())) throw FileError(file, "cannot be read");
  return out.str();
}

std::shared_ptr<grpc::ServerCredentials> credentials(const ServeOptions& options) {
  if (options.tls_key.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back({contents(options.tls_key), contents(options.tls_certificate)});
  return grpc::SslServerCredentials(tls);
}

// Only this user may connect to a socket made meanwhile.
class PrivateFiles {
 public:
  PrivateFiles() : before_(::umask(S_IRWXG | S_IRWXO | S_IXUSR)) {}
  ~PrivateFiles() { ::umask(before_); }
  PrivateFiles(const PrivateFiles&) = delete;
  PrivateFiles& operator=(const PrivateFiles&) = delete;

 private:
  mode_t before_;
};

}  // namespace

struct EngineServer::Parts {
  ModelSummary summary;
  std::string address;
  // Destroyed from the last: the server ends its calls, then the thread its tasks.
  std::shared_ptr<Engine> engine;
  std::unique_ptr<serve::EngineService> service;
  std::unique_ptr<serve::EngineThread> thread;
  std::unique_ptr<grpc::Server> server;
};

EngineServer::EngineServer(const Load& load, const ServeOptions& options) : parts_(std::make_unique<Parts>()) {
  constexpr int kMostStreams = 128;              // calls under way on one connection
  constexpr std::size_t kMostMemory = 1u << 30;  // bytes of messages under way, over all connections
  constexpr int kKeepaliveMs = 30'000;
  if (options.rollouts < 1) {
    throw Error("a server for " + std::to_string(options.rollouts) + " rollouts, expected at least 1");
  }
  serve::quiet_grpc();
  const auto address = checked_address(options);
  const auto who = credentials(options);
  const auto rollouts = static_cast<std::size_t>(options.rollouts);

  auto& parts = *parts_;
  parts.thread = std::make_unique<serve::EngineThread>(4 * rollouts + 16);
  parts.thread->run([&] { parts.engine = load(); });
  parts.summary = parts.engine->summary();
  parts.service = std::make_unique<serve::EngineService>(
      parts.engine, *parts.thread,
      serve::EngineService::Options{options.token, options.fingerprint, rollouts, options.idle});

  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address.text, who, &port);
  builder.RegisterService(parts.service.get());
  builder.SetMaxReceiveMessageSize(serve::kMostBytes);
  builder.SetMaxSendMessageSize(serve::kMostBytes);
  builder.SetResourceQuota(grpc::ResourceQuota("deer serve").Resize(kMostMemory));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMostStreams);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a second server must not take half of the calls
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  {
    const PrivateFiles private_files;
    parts.server = builder.BuildAndStart();
  }
  if (!parts.server || (address.socket.empty() && port == 0)) {
    throw Error("cannot listen at '" + printable(options.address) + "': is the address taken or not this machine's" +
                (options.tls_key.empty() ? "?" : ", or are certificate and key not PEM or not a pair?"));
  }
  parts.address = address.socket.empty() ? address.text.substr(0, address.text.rfind(':') + 1) + std::to_string(port)
                                         : address.text;
}

EngineServer::~EngineServer() {
  constexpr auto kGrace = std::chrono::seconds(2);
  if (parts_->server) parts_->server->Shutdown(std::chrono::system_clock::now() + kGrace);
}

const std::string& EngineServer::address() const { return parts_->address; }
const ModelSummary& EngineServer::summary() const { return parts_->summary; }
std::int64_t EngineServer::steps() const { return parts_->service->steps(); }

}  // namespace deer
