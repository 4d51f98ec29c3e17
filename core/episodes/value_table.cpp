// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/value_table.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/number_text.h"
#include "core/base/utf8.h"
#include "core/episodes/numpy/npy_writer.h"

namespace deer {
namespace {

std::string number_text(double value) { return std::isnan(value) ? std::string() : shortest_text(value); }

std::string quoted(const std::string& text, char separator) {
  if (text.find_first_of(std::string("\"\r\n") + separator) == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

std::string cell(const ValueColumn& column, std::size_t row, char separator) {
  if (row >= column.size()) return {};
  return column.texts.empty() ? number_text(column.numbers[row]) : quoted(column.texts[row], separator);
}

std::u32string code_points(std::string_view text) {
  std::u32string out;
  for (const char c : valid_utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) == 0x80U) {
      out.back() = (out.back() << 6U) | (byte & 0x3FU);
    } else {
      out += static_cast<char32_t>(byte < 0x80U   ? byte
                                   : byte < 0xE0U ? byte & 0x1FU
                                   : byte < 0xF0U ? byte & 0x0FU
                                                  : byte & 0x07U);
    }
  }
  return out;
}

std::string key_of(const std::string& name, std::set<std::string>& used) {
  std::string key;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    // Runs of other characters become one "_".
    if (plain) key += c;
    if (!plain && !key.empty() && key.back() != '_') key += '_';
  }
  while (!key.empty() && key.back() == '_') key.pop_back();
  if (key.empty()) key = "column";
  auto unique = key;
  for (int i = 2; !used.insert(unique).second; ++i) unique = key + "_" + std::to_string(i);
  return unique;
}

}  // namespace

std::size_t ValueTable::rows() const {
  std::size_t rows = 0;
  for (const auto& column : columns) rows = std::max(rows, column.size());
  return rows;
}

std::string to_csv(const ValueTable& table, char separator) {
  std::string out;
  const auto line = [&](const auto& text_of) {
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      if (i > 0) out += separator;
      out += text_of(table.columns[i]);
    }
    out += '\n';
  };
  line([&](const ValueColumn& column) { return quoted(column.name, separator); });
  for (std::size_t row = 0; row < table.rows(); ++row) {
    line([&](const ValueColumn& column) { return cell(column, row, separator); });
  }
  return out;
}

std::string to_npz(const ValueTable& table) {
  NpzPacker packer;
  std::set<std::string> used;
  for (const auto& column : table.columns) {
    const auto key = key_of(column.name, used);
    if (column.texts.empty()) {
      packer.add(key, NpyView::of<double>('f', {column.numbers.size()}, column.numbers));
      continue;
    }
    std::vector<std::u32string> texts;
    std::size_t longest = 1;
    for (const auto& text : column.texts) {
      texts.push_back(code_points(text));
      longest = std::max(longest, texts.back().size());
    }
    std::u32string cells;
    for (auto& text : texts) cells += text.append(longest - text.size(), U'\0');
    packer.add(key, NpyView{{'U', static_cast<std::uint32_t>(4 * longest)},
                            {texts.size()},
                            std::as_bytes(std::span(cells.data(), cells.size()))});
  }
  return packer.finish();
}

}  // namespace deer
