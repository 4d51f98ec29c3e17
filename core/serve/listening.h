// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "core/serve/address.h"

namespace deer::serve {

/// Throws Error if the address is a Unix socket that cannot be made: taken by another server, or by something else.
void check_socket(const ServeAddress& address);

/// Starts the builder's server there, with the limits of messages.h. A Unix socket is for this user alone. `address`
/// gets the port that was chosen. Throws Error that ends with `hint`.
std::unique_ptr<grpc::Server> start_server(grpc::ServerBuilder& builder, ServeAddress& address,
                                           const std::shared_ptr<grpc::ServerCredentials>& credentials,
                                           const std::string& hint);

}  // namespace deer::serve
