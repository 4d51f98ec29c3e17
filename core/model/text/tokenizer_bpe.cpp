// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/text/tokenizer_bpe.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <tuple>

#include "core/base/error.h"

namespace deer {

const std::array<std::string, 256>& byte_alphabet() {
  static const auto alphabet = [] {
    std::array<std::string, 256> out;
    unsigned next = 0x100;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool printable_byte = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      const unsigned code = printable_byte ? byte : next++;
      if (code < 0x80) {
        out[byte] = {static_cast<char>(code)};
      } else {
        out[byte] = {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
      }
    }
    return out;
  }();
  return alphabet;
}

namespace {

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

std::string in_quotes(std::string_view text) { return "\"" + printable(text, 40) + "\""; }

}  // namespace

BytePairEncoding::BytePairEncoding(const JsonFields& model) {
  if (const auto type = model.text("type", "BPE"); type != "BPE") {
    model.fail("type", "BPE (other tokenizer models are not supported)");
  }
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (model.has(affix) && !model.text(affix).empty())
      model.fail(affix, "null (pieces with affixes are not supported)");
  }
  if (model.number("dropout", 0) != 0) model.fail("dropout", "null (random merges are not supported)");
  if (model.boolean("byte_fallback", false)) model.fail("byte_fallback", "false (<0x00> pieces are not supported)");
  ignore_merges_ = model.boolean("ignore_merges", false);
  read_vocabulary(model);
  read_merges(model);
  // Unknown tokens can only occur if the vocabulary lacks a byte that UTF-8 uses.
  for (std::size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    const bool in_utf8 = byte < 0xC0 || (byte > 0xC1 && byte < 0xF5);
    if (in_utf8 && byte_ids_[byte] < 0 && model.has("unk_token")) {
      model.fail("unk_token", "null, because the vocabulary lacks byte " + std::to_string(byte) +
                                  " (unknown tokens are not supported)");
    }
  }
}

void BytePairEncoding::read_vocabulary(const JsonFields& model) {
  const JsonFields vocabulary = model.object("vocab");
  const Json& entries = vocabulary.json();
  vocabulary_.reserve(entries.size());
  used_ids_.reserve(entries.size());
  constexpr auto kLargest = std::numeric_limits<std::int32_t>::max();
  for (const auto& [entry, value] : entries.items()) {
    const auto where = "'model.vocab' entry " + in_quotes(entry) + " ";
    if (!value.is_number_integer()) {
      throw FileError(model.file(), where + "is " + printable(value.dump(), 40) + ", expected a whole number");
    }
    if (value < 0 || value > kLargest) {
      throw FileError(model.file(), where + "is " + value.dump() + ", expected an id from 0 to 2147483647");
    }
    const auto id = value.get<std::int32_t>();
    if (!used_ids_.insert(id).second) {
      throw FileError(model.file(), where + "has id " + std::to_string(id) + ", which is also used by another entry");
    }
    vocabulary_.emplace(entry, id);
    largest_id_ = std::max<std::int64_t>(largest_id_, id);
  }
  for (std::size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    const auto it = vocabulary_.find(byte_alphabet()[byte]);
    byte_ids_[byte] = it == vocabulary_.end() ? -1 : it->second;
  }
}

std::int32_t BytePairEncoding::piece(const JsonFields& model, const std::string& where, std::string_view text) const {
  const auto it = vocabulary_.find(text);
  if (it == vocabulary_.end()) {
    throw FileError(model.file(), where + " needs " + in_quotes(text) + ", which 'model.vocab' lacks");
  }
  return it->second;
}

void BytePairEncoding::read_merges(const JsonFields& model) {
  if (!model.has("merges")) model.fail("merges", "a list of pairs");
  const Json& list = model.json()["merges"];
  if (!list.is_array()) model.fail("merges", "a list of pairs");
  merges_.reserve(list.size());
  std::int32_t rank = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Json& item = list[i];
    const auto where = "'model.merges[" + std::to_string(i) + "]'";
    std::string left;
    std::string right;
    if (item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string()) {
      left = item[0].get<std::string>();
      right = item[1].get<std::string>();
    } else if (item.is_string()) {
      const auto& text = item.get_ref<const std::string&>();
      if (text.starts_with("#version")) continue;
      const auto blank = text.find(' ');
      if (blank != std::string::npos && text.find(' ', blank + 1) == std::string::npos) {
        left = text.substr(0, blank);
        right = text.substr(blank + 1);
      }
    }
    if (left.empty() || right.empty()) {
      throw FileError(model.file(),
                      where + " is " + printable(item.dump(), 40) + ", expected two pieces: \"a b\" or [\"a\", \"b\"]");
    }
    const auto left_id = piece(model, where, left);
    const auto right_id = piece(model, where, right);
    merges_[pair_key(left_id, right_id)] = {rank++, piece(model, where, left + right)};
  }
}

std::optional<std::int64_t> BytePairEncoding::id_of(std::string_view entry) const {
  const auto it = vocabulary_.find(entry);
  if (it == vocabulary_.end()) return std::nullopt;
  return it->second;
}

const BytePairEncoding::Merge* BytePairEncoding::find_merge(std::int32_t left, std::int32_t right) const {
  const auto it = merges_.find(pair_key(left, right));
  return it == merges_.end() ? nullptr : &it->second;
}

void BytePairEncoding::encode(std::string_view word, std::vector<std::int64_t>& ids) const {
  if (ignore_merges_) {
    std::string entry;
    for (const char c : word) entry += byte_alphabet()[static_cast<unsigned char>(c)];
    if (const auto id = id_of(entry)) {
      ids.push_back(*id);
      return;
    }
  }

  struct Symbol {
    std::int32_t id;
    std::ptrdiff_t previous;
    std::ptrdiff_t next;  // -1 at the end
    bool alive = true;
  };
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  for (const char c : word) {
    const auto id = byte_ids_[static_cast<unsigned char>(c)];
    if (id < 0) continue;
    const auto at = static_cast<std::ptrdiff_t>(symbols.size());
    symbols.push_back({id, at - 1, at + 1});
  }
  if (symbols.empty()) return;
  symbols.back().next = -1;

  // The pair with the lowest rank is merged first, the leftmost of equals. Entries may be outdated: one is valid only
  // while its pair still has that rank.
  using Candidate = std::pair<std::int32_t, std::ptrdiff_t>;  // rank, left symbol
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto pair_at = [&](std::ptrdiff_t left) -> const Merge* {
    const Symbol& symbol = symbols[static_cast<std::size_t>(left)];
    if (!symbol.alive || symbol.next < 0) return nullptr;
    return find_merge(symbol.id, symbols[static_cast<std::size_t>(symbol.next)].id);
  };
  const auto consider = [&](std::ptrdiff_t left) {
    if (left < 0) return;
    if (const Merge* merge = pair_at(left)) queue.emplace(merge->rank, left);
  };
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) consider(static_cast<std::ptrdiff_t>(i));
  while (!queue.empty()) {
    const auto [rank, left] = queue.top();
    queue.pop();
    const Merge* merge = pair_at(left);
    if (merge == nullptr || merge->rank != rank) continue;
    Symbol& symbol = symbols[static_cast<std::size_t>(left)];
    Symbol& eaten = symbols[static_cast<std::size_t>(symbol.next)];
    eaten.alive = false;
    symbol.id = merge->id;
    symbol.next = eaten.next;
    if (symbol.next >= 0) symbols[static_cast<std::size_t>(symbol.next)].previous = left;
    consider(symbol.previous);
    consider(left);
  }
  for (const Symbol& symbol : symbols) {
    if (symbol.alive) ids.push_back(symbol.id);
  }
}

}  // namespace deer
