// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <grpcpp/grpcpp.h>

#include <new>
#include <string>

#include "core/base/error.h"
#include "core/serve/messages.h"

namespace deer::serve {

/// An error of a call with a status of its own; all others are about what the client sent.
class Refusal final : public Error {
 public:
  Refusal(grpc::StatusCode code, const std::string& message) : Error(message), code_(code) {}
  grpc::StatusCode code() const { return code_; }

 private:
  grpc::StatusCode code_;
};

/// Throws Refusal unless the client's is ours.
inline void check_protocol(int protocol) {
  if (protocol == kProtocol) return;
  throw Refusal(grpc::StatusCode::FAILED_PRECONDITION, "protocol: found " + std::to_string(protocol) + ", expected " +
                                                           std::to_string(kProtocol) +
                                                           ": client and server are of different versions");
}

/// Does the work of a call; what it throws becomes its status.
template <typename Work>
grpc::Status outcome(Work&& work) {
  constexpr std::size_t kMostText = 2000;
  const auto status = [](grpc::StatusCode code, const std::exception& error) {
    return grpc::Status(code, printable(error.what(), kMostText));
  };
  try {
    work();
    return grpc::Status::OK;
  } catch (const Refusal& error) {
    return status(error.code(), error);
  } catch (const Cancelled& error) {
    return status(grpc::StatusCode::CANCELLED, error);
  } catch (const OutOfMemory& error) {
    return status(grpc::StatusCode::RESOURCE_EXHAUSTED, error);
  } catch (const Error& error) {
    return status(grpc::StatusCode::INVALID_ARGUMENT, error);
  } catch (const std::bad_alloc&) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, "the server is out of memory"};
  } catch (const std::exception& error) {
    return status(grpc::StatusCode::INTERNAL, error);
  }
}

}  // namespace deer::serve
