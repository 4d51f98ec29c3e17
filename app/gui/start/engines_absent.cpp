// SPDX-License-Identifier: GPL-3.0-or-later
// In place of engines.cpp where the program is built without gRPC.
#include "app/gui/start/engines.h"
#include "core/base/error.h"

namespace deer {

struct Engines::State {};

bool can_connect_engines() { return false; }
EngineCheck check_engine(const EngineAddress&, std::stop_token) {
  throw Error("this build connects to no engines (it was built without gRPC)");
}
Engines::Engines(const std::filesystem::path& settings, const std::filesystem::path&, bool)
    : memory_(settings), remembers_(false) {}
Engines::~Engines() = default;
EngineFactory Engines::factory(EngineFactory others) { return others; }
std::filesystem::path Engines::add(const EngineAddress&) { return {}; }
std::filesystem::path Engines::lasting_path(const std::filesystem::path& model) const { return model; }

}  // namespace deer
