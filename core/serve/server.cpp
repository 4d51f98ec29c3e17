// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/server.h"

#include <grpcpp/grpcpp.h>

#include "core/base/error.h"
#include "core/head/head_files.h"
#include "core/serve/listening.h"
#include "core/serve/service.h"

namespace deer {
namespace {

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
  serve::check_socket(address);
  return address;
}

std::shared_ptr<grpc::ServerCredentials> credentials(const ServeOptions& options) {
  if (options.tls_key.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back(
      {read_pem(options.tls_key, "PRIVATE KEY"), read_pem(options.tls_certificate, "CERTIFICATE")});
  return grpc::SslServerCredentials(tls);
}

}  // namespace

struct EngineServer::Parts {
  ModelSummary summary;
  ServeAddress address;
  // Destroyed from the last: the server ends its calls, then the thread its tasks.
  std::shared_ptr<Engine> engine;
  std::unique_ptr<serve::EngineService> service;
  std::unique_ptr<serve::EngineThread> thread;
  std::unique_ptr<grpc::Server> server;
};

EngineServer::EngineServer(const Load& load, const ServeOptions& options) : parts_(std::make_unique<Parts>()) {
  if (options.rollouts < 1) {
    throw Error("a server for " + std::to_string(options.rollouts) + " rollouts, expected at least 1");
  }
  auto address = checked_address(options);
  const auto who = credentials(options);
  const auto rollouts = static_cast<std::size_t>(options.rollouts);

  auto& parts = *parts_;
  parts.thread = std::make_unique<serve::EngineThread>(4 * rollouts + 16);
  std::shared_ptr<const HeadFiles> head;
  if (!options.head.empty()) head = HeadFiles::of_model(options.head, options.fingerprint);
  parts.thread->run([&] { parts.engine = load(); });
  parts.summary = parts.engine->summary();
  parts.service = std::make_unique<serve::EngineService>(
      parts.engine, *parts.thread,
      serve::EngineService::Options{options.token, options.fingerprint, std::move(head), rollouts, options.idle});

  grpc::ServerBuilder builder;
  builder.RegisterService(parts.service.get());
  parts.server = serve::start_server(builder, address, who,
                                     options.tls_key.empty() ? "?" : ", or are certificate and key not a pair?");
  parts.address = std::move(address);
}

EngineServer::~EngineServer() {
  constexpr auto kGrace = std::chrono::seconds(2);
  if (parts_->server) parts_->server->Shutdown(std::chrono::system_clock::now() + kGrace);
}

const std::string& EngineServer::address() const { return parts_->address.text; }
const ModelSummary& EngineServer::summary() const { return parts_->summary; }
std::int64_t EngineServer::steps() const { return parts_->service->steps(); }

}  // namespace deer
