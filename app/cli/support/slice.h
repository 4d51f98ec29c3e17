// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

namespace deer::cli {

/// A part of a command's work, for arrays of jobs on a cluster: every `of`th job, from the `index`th on. Results do not
/// depend on the number of slices.
struct Slice {
  std::int64_t index = 1;  ///< from 1 to `of`
  std::int64_t of = 1;

  bool is_whole() const { return of == 1; }
  bool has(std::int64_t job) const { return job % of == index - 1; }  ///< jobs from 0
  std::string text() const { return std::to_string(index) + "/" + std::to_string(of); }
};

/// Adds --slice I/N. `rest` says what becomes of the slices.
void add_slice_option(CLI::App& command, Slice& slice, const std::string& rest);

}  // namespace deer::cli
