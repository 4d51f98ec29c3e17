// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "core/serve/remote_engine.h"

namespace deer::cli {

/// Options of commands that are clients of deer serve.
struct RemoteArguments {
  std::string token_file;
  std::string tls_ca;
  double deadline_s = 60;
  double reconnect_s = 30;

  /// `needs`: the option that names the server.
  void add_to(CLI::App& command, const char* needs);

  /// Reads the token. Throws Error.
  RemoteOptions options() const;
};

}  // namespace deer::cli
