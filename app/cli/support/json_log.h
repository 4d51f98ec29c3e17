// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>

#include "core/base/json_file.h"

namespace deer::cli {

/// What a long command has finished, as JSON lines in a file, the first of which says with what settings. A
/// killed program loses at most the line it was at.
class JsonLog {
 public:
  /// Reads what is there, hands each entry to `take` (which throws if it is none), and goes on after it. A line cut
  /// short is left out. Throws FileError if the settings are others.
  void open(const std::filesystem::path& file, const Json& settings, const std::function<void(const Json&)>& take);

  /// The same for a file that someone else writes: it is read only. False if there is none.
  static bool read(const std::filesystem::path& file, const Json& settings,
                   const std::function<void(const Json&)>& take);

  /// Throws FileError.
  void add(const Json& entry);

  void remove();

 private:
  std::filesystem::path file_;
  std::ofstream out_;
};

}  // namespace deer::cli
