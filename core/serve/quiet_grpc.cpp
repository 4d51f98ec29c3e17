// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/quiet_grpc.h"

#include <grpc/support/log.h>

#include <cstdlib>

namespace deer::serve {

void quiet_grpc() {
  static const bool done = [] {
    if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function([](gpr_log_func_args*) {});
    return true;
  }();
  (void)done;
}

}  // namespace deer::serve
