// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace deer::serve {

/// gRPC writes what goes wrong to the standard error, besides returning it: it does so only if GRPC_VERBOSITY is set.
void quiet_grpc();

}  // namespace deer::serve
