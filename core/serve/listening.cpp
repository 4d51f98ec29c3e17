// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/listening.h"

#include <grpcpp/resource_quota.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "core/serve/messages.h"
#include "core/serve/quiet_grpc.h"

namespace deer::serve {
namespace {

namespace fs = std::filesystem;

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

void check_socket(const ServeAddress& address) {
  if (address.socket.empty()) return;
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

std::unique_ptr<grpc::Server> start_server(grpc::ServerBuilder& builder, ServeAddress& address,
                                           const std::shared_ptr<grpc::ServerCredentials>& credentials,
                                           const std::string& hint) {
  constexpr int kMostStreams = 128;              // calls under way on one connection
  constexpr std::size_t kMostMemory = 1u << 30;  // bytes of messages under way, over all connections
  constexpr int kKeepaliveMs = 30'000;
  quiet_grpc();
  int port = 0;
  builder.AddListeningPort(address.text, credentials, &port);
  builder.SetMaxReceiveMessageSize(kMostBytes);
  builder.SetMaxSendMessageSize(kMostBytes);
  builder.SetResourceQuota(grpc::ResourceQuota("deer").Resize(kMostMemory));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMostStreams);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a second server must not take half of the calls
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  const PrivateFiles private_files;
  auto out = builder.BuildAndStart();
  if (!out || (address.socket.empty() && port == 0)) {
    throw Error("cannot listen at '" + printable(address.text) + "': is the address taken or not this machine's" +
                hint);
  }
  if (address.socket.empty()) {
    address.text = address.text.substr(0, address.text.rfind(':') + 1) + std::to_string(port);
  }
  return out;
}

}  // namespace deer::serve
