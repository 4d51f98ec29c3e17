// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace deer {

/// An event file for TensorBoard (TFRecords of Event messages) to which rows are appended.
class TensorboardLog {
 public:
  /// Starts events.out.tfevents.<time>.<host>.<process> in `folder`; TensorBoard merges it with earlier
  /// ones. Throws FileError.
  explicit TensorboardLog(const std::filesystem::path& folder);

  /// One point of each named curve. Flushed at once.
  void add(std::int64_t step, const std::vector<std::string>& names, const std::vector<double>& values);

 private:
  void write(const std::string& event);

  std::filesystem::path file_;
  std::ofstream out_;
};

}  // namespace deer
