// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace deer {

/// A named column: numbers (NaN: unknown), or UTF-8 texts if there are any.
struct ValueColumn {
  std::string name;  ///< with the unit: "error, mm"
  std::vector<double> numbers;
  std::vector<std::string> texts;

  std::size_t size() const { return texts.empty() ? numbers.size() : texts.size(); }
};

/// Values of a view for export.
struct ValueTable {
  std::vector<ValueColumn> columns;  ///< may differ in length; missing cells are empty

  std::size_t rows() const;
};

/// CSV with a header line: numbers with all digits and a decimal point, unknown ones empty, texts quoted if needed
/// (RFC 4180, but lines end in "\n"; with a tab as `separator` for pasting into spreadsheets).
std::string to_csv(const ValueTable& table, char separator = ',');

/// An .npz file with one array per column: float64 [rows], or text. Keys are the names with everything but letters,
/// digits and "_" turned into "_"; of equal ones the later get "_2", "_3", …
std::string to_npz(const ValueTable& table);

}  // namespace deer
