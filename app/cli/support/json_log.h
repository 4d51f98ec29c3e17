// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>

#include "core/base/atomic_file.h"
#include "core/base/json_file.h"

namespace deer::cli {

/// Finished results of a long command as JSON lines in a file; the first line holds the settings. A killed
/// program loses at most the line it was writing.
class JsonLog {
 public:
  /// Passes each existing entry to `take` (which throws if it is invalid) and appends after the last. Skips an
  /// incomplete line. Throws FileError if the settings differ, or if another program has it open.
  void open(const std::filesystem::path& file, const Json& settings, const std::function<void(const Json&)>& take);

  /// The same for a file written by another process, read only. Returns false if it does not exist.
  static bool read(const std::filesystem::path& file, const Json& settings,
                   const std::function<void(const Json&)>& take);

  /// Throws FileError.
  void add(const Json& entry);

  void remove();

 private:
  std::filesystem::path file_;
  WriteLock lock_;
  std::ofstream out_;
};

}  // namespace deer::cli
