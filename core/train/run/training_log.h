// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace deer {

/// A growing CSV table: "stage", "step", then named numbers. Each row is flushed, so that plots can follow.
class TrainingLog {
 public:
  /// Continues an existing file: keeps the rows of finished steps and removes later ones, which the run will write
  /// again. Throws FileError; a file with other columns is renamed to <name>.old.
  TrainingLog(std::filesystem::path file, const std::vector<std::string>& columns,
              const std::vector<std::string>& earlier_stages, const std::string& stage, std::int64_t steps_done);

  /// One value per column.
  void add(std::int64_t step, const std::vector<double>& values);

 private:
  std::filesystem::path file_;
  std::string stage_;
  std::size_t columns_;
  std::ofstream out_;
};

}  // namespace deer
