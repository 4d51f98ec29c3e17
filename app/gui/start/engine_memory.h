// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <filesystem>
#include <vector>

namespace deer {

/// How a model on another computer is reached.
struct EngineAddress {
  QString address;     ///< HOST:PORT, [IPV6]:PORT or unix:PATH
  QString token_file;  ///< whose first line is the server's token; empty: none is sent
  QString tls_ca;      ///< certificates (PEM) that vouch for the server; empty: the system's

  bool operator==(const EngineAddress&) const = default;
};

/// The addresses that were connected to last: one JSON file in the folder of the settings. Of a token it names the file
/// alone.
class EngineMemory {
 public:
  static constexpr std::size_t kMost = 10;

  explicit EngineMemory(const std::filesystem::path& folder) : file_(folder / "engines.json") {}

  /// The newest first. Never throws; what cannot be read is left out.
  std::vector<EngineAddress> load() const;
  /// Throws FileError.
  void save(const std::vector<EngineAddress>& engines) const;

 private:
  std::filesystem::path file_;
};

/// Puts `engine` first, in the place of others with its address.
void add_engine(std::vector<EngineAddress>* engines, const EngineAddress& engine);

}  // namespace deer
