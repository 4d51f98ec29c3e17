// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace deer {

/// Where a server listens: "HOST:PORT", "[IPV6]:PORT" or "unix:PATH".
struct ServeAddress {
  std::string text;              ///< as gRPC takes it
  std::filesystem::path socket;  ///< of a Unix socket; empty otherwise
  bool is_local = false;         ///< a Unix socket, or a loopback address: nothing outside this machine reaches it

  /// Throws Error that says what was found and what was expected. Resolves no names: of host names only "localhost" is
  /// local.
  static ServeAddress parse(const std::string& text);
};

/// The first line of a file that only its owner may read, without spaces around it. Throws FileError if others may
/// read it, or it is empty or longer than 4096 bytes.
std::string read_token(const std::filesystem::path& file);

/// Whether a server accepts connections at this Unix socket now. False for what is not there or is left over.
bool answers(const std::filesystem::path& socket);

/// What is in a PEM file, which must hold a block of this kind: "CERTIFICATE" or "PRIVATE KEY". Throws FileError.
std::string read_pem(const std::filesystem::path& file, std::string_view kind);

}  // namespace deer
