// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/run/training_log.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/text_lines.h"

namespace deer {
namespace {

std::string header_of(const std::vector<std::string>& columns) {
  std::string out = "stage,step";
  for (const auto& column : columns) out += "," + column;
  return out;
}

}  // namespace

TrainingLog::TrainingLog(std::filesystem::path file, const std::vector<std::string>& columns,
                         const std::vector<std::string>& earlier_stages, const std::string& stage,
                         std::int64_t steps_done)
    : file_(std::move(file)), stage_(stage), columns_(columns.size()) {
  const auto header = header_of(columns);
  std::string kept = header + "\n";
  bool first = true;
  bool other_columns = false;
  read_complete_lines(file_, [&](const std::string& line) {
    if (std::exchange(first, false)) {
      other_columns = line != header;
      return !other_columns;
    }
    const auto comma = line.find(',');
    if (comma == std::string::npos) return true;
    const auto row_stage = line.substr(0, comma);
    const bool earlier = std::find(earlier_stages.begin(), earlier_stages.end(), row_stage) != earlier_stages.end();
    const bool done = row_stage == stage && std::strtoll(line.c_str() + comma + 1, nullptr, 10) <= steps_done;
    if (earlier || done) kept += line + "\n";
    return true;
  });
  if (other_columns) {
    auto aside = file_;
    aside += ".old";
    std::error_code error;
    std::filesystem::rename(file_, aside, error);
  }
  write_file_atomically(file_, kept);
  out_.open(file_, std::ios::app);
  if (!out_) throw FileError(file_, "cannot be written");
}

void TrainingLog::add(std::int64_t step, const std::vector<double>& values) {
  if (values.size() != columns_) throw FileError(file_, "a row has the wrong number of values");
  out_ << stage_ << ',' << step;
  for (const double value : values) out_ << ',' << value;
  out_ << '\n' << std::flush;
  if (!out_) throw FileError(file_, "cannot be written (is the disk full?)");
}

}  // namespace deer
