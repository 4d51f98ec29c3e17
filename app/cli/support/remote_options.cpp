// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/remote_options.h"

#include <cmath>

#include "core/serve/address.h"

namespace deer::cli {

void RemoteArguments::add_to(CLI::App& command, const char* needs) {
  constexpr double kDay = 86'400;
  command.add_option("--token-file", token_file, "File whose first line is the server's token");
  command.add_option("--tls-ca", tls_ca, "Certificates (PEM) that vouch for the server; default: the system's")
      ->needs(needs);
  command.add_option("--deadline", deadline_s, "Seconds that the server has for one answer")
      ->needs(needs)
      ->check(CLI::Range(0.001, kDay))
      ->capture_default_str();
  command.add_option("--reconnect", reconnect_s, "Seconds for which a lost connection is tried again; 0: not at all")
      ->needs(needs)
      ->check(CLI::Range(0.0, kDay))
      ->capture_default_str();
}

RemoteOptions RemoteArguments::options() const {
  RemoteOptions out;
  if (!token_file.empty()) out.token = read_token(token_file);
  out.tls_ca = tls_ca;
  const auto milliseconds = [](double seconds) { return std::chrono::milliseconds(std::llround(1000 * seconds)); };
  out.deadline = milliseconds(deadline_s);
  out.reconnect = milliseconds(reconnect_s);
  return out;
}

}  // namespace deer::cli
