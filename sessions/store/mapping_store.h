// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <optional>

#include "core/episodes/mapping.h"
#include "sessions/base/factories.h"

namespace deer {

/// Remembers by dataset which of its cameras and columns are what: one file for each, as `--map` of `deer` reads it.
/// Every call reads or writes the disk. Thread-safe.
class MappingStore {
 public:
  /// `folder` is made when something is saved.
  explicit MappingStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// The file for a dataset, which need not exist; the same for all spellings of a path.
  std::filesystem::path file(const std::filesystem::path& dataset) const;
  /// The file, if one was saved.
  std::optional<std::filesystem::path> find(const std::filesystem::path& dataset) const;
  /// Throws FileError.
  void save(const std::filesystem::path& dataset, const Mapping& mapping) const;
  /// The dataset is read by the guess again. Throws FileError.
  void forget(const std::filesystem::path& dataset) const;

 private:
  std::filesystem::path folder_;
};

/// Writes a mapping for `--map`. Throws FileError.
void write_mapping(const std::filesystem::path& file, const Mapping& mapping);

/// Opens with the mapping that is remembered, unless the options name a file. One that no longer fits the dataset is
/// left out, and a warning says so.
SourceOpener with_mappings(SourceOpener opener, MappingStore store);

}  // namespace deer
