// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/store/mapping_store.h"

#include <QCryptographicHash>
#include <system_error>
#include <utility>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/episodes/open/warned_collection.h"

namespace deer {

std::filesystem::path MappingStore::file(const std::filesystem::path& dataset) const {
  std::error_code error;
  auto path = std::filesystem::weakly_canonical(dataset, error);
  if (error) path = std::filesystem::absolute(dataset, error);
  if (path.filename().empty()) path = path.parent_path();
  const auto digest =
      QCryptographicHash::hash(QByteArray::fromStdString(path.string()), QCryptographicHash::Sha1).toHex().left(16);
  return folder_ / (digest.toStdString() + ".json");
}

std::optional<std::filesystem::path> MappingStore::find(const std::filesystem::path& dataset) const {
  auto out = file(dataset);
  std::error_code error;
  if (!std::filesystem::is_regular_file(out, error)) return std::nullopt;
  return out;
}

void MappingStore::save(const std::filesystem::path& dataset, const Mapping& mapping) const {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) throw FileError(folder_, "cannot make the folder: " + error.message());
  write_mapping(file(dataset), mapping);
}

void MappingStore::forget(const std::filesystem::path& dataset) const {
  std::error_code error;
  const auto path = file(dataset);
  std::filesystem::remove(path, error);
  if (error) throw FileError(path, "cannot remove the file: " + error.message());
}

void write_mapping(const std::filesystem::path& file, const Mapping& mapping) {
  // Names come from files and may hold bytes that are not UTF-8: replace those.
  write_file_atomically(file, mapping_to_json(mapping).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

SourceOpener with_mappings(SourceOpener opener, MappingStore store) {
  return [opener = std::move(opener), store = std::move(store)](const std::filesystem::path& path,
                                                                const OpenSourceOptions& options) {
    if (!options.map.empty()) return opener(path, options);
    auto with = options;
    const auto mapped = [&](const std::filesystem::path& map) {
      with.map = map;
      try {
        return opener(path, with);
      } catch (const std::exception& error) {
        // If the dataset itself cannot be opened, this says so.
        return with_warning(opener(path, options), error.what() + std::string("; the cameras and columns are guessed"));
      }
    };
    if (const auto map = store.find(path)) return mapped(*map);
    auto guessed = opener(path, options);
    if (guessed->description() == nullptr) return guessed;
    // A dataset may have opened from a folder around it.
    const auto map = store.find(guessed->path());
    return map ? mapped(*map) : guessed;
  };
}

}  // namespace deer
