// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/run/training_log.h"

#include <algorithm>
#include <cstdlib>

#include "core/base/atomic_file.h"
#include "core/base/error.h"

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
  std::string line;
  std::ifstream in(file_);
  if (std::getline(in, line) && line != header) {
    auto aside = file_;
    aside += ".old";
    std::error_code error;
    std::filesystem::rename(file_, aside, error);
  } else {
    while (std::getline(in, line)) {
      const auto comma = line.find(',');
      if (comma == std::string::npos) continue;
      const auto row_stage = line.substr(0, comma);
      const bool earlier = std::find(earlier_stages.begin(), earlier_stages.end(), row_stage) != earlier_stages.end();
      const bool done = row_stage == stage && std::strtoll(line.c_str() + comma + 1, nullptr, 10) <= steps_done;
      if (earlier || done) kept += line + "\n";
    }
  }
  in.close();
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
