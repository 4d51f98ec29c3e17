// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/start/engine_memory.h"

#include <system_error>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/json_file.h"
#include "core/base/utf8.h"

namespace deer {
namespace {

constexpr std::int64_t kMemoryVersion = 1;

}  // namespace

std::vector<EngineAddress> EngineMemory::load() const {
  std::vector<EngineAddress> out;
  std::error_code error;
  if (!std::filesystem::exists(file_, error)) return out;
  try {
    const auto json = read_json(file_);
    const JsonFields fields(file_, json);
    fields.integer_in("version", kMemoryVersion, kMemoryVersion);
    const auto listed = json.find("engines");
    if (listed == json.end() || !listed->is_array()) return out;
    for (const auto& one : *listed) {
      const JsonFields engine(file_, one, "engines");
      EngineAddress read{QString::fromStdString(engine.text("address")),
                         QString::fromStdString(engine.text("token_file", "")),
                         QString::fromStdString(engine.text("tls_ca", ""))};
      if (!read.address.isEmpty() && out.size() < kMost) out.push_back(std::move(read));
    }
  } catch (const Error&) {
    // Addresses to be typed again, no more.
  }
  return out;
}

void EngineMemory::save(const std::vector<EngineAddress>& engines) const {
  Json listed = Json::array();
  for (const auto& one : engines) {
    listed.push_back({{"address", valid_utf8(one.address.toStdString())},
                      {"token_file", valid_utf8(one.token_file.toStdString())},
                      {"tls_ca", valid_utf8(one.tls_ca.toStdString())}});
  }
  const Json out = {{"version", kMemoryVersion}, {"engines", std::move(listed)}};
  std::error_code error;
  std::filesystem::create_directories(file_.parent_path(), error);
  write_file_atomically(file_, out.dump(2) + "\n");
}

void add_engine(std::vector<EngineAddress>* engines, const EngineAddress& engine) {
  std::erase_if(*engines, [&](const EngineAddress& one) { return one.address == engine.address; });
  engines->insert(engines->begin(), engine);
  if (engines->size() > EngineMemory::kMost) engines->resize(EngineMemory::kMost);
}

}  // namespace deer
