// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/base/json_file.h"

namespace deer {

/// GPT-2's alphabet, in which a tokenizer.json writes bytes: printable Latin-1 bytes represent themselves, the others
/// are mapped to U+0100 onwards, each as UTF-8.
const std::array<std::string, 256>& byte_alphabet();

/// Byte-level byte-pair encoding: the "model" part of a tokenizer.json, with the bytes of a word
/// written in GPT-2's printable alphabet. Immutable, so safe to share between threads.
class BytePairEncoding {
 public:
  /// Throws FileError naming the field if `model` is malformed or uses unsupported features.
  explicit BytePairEncoding(const JsonFields& model);

  /// Appends the ids of one word, given as its raw bytes. Bytes whose symbol the vocabulary lacks
  /// are left out, as Hugging Face does without an unknown token.
  void encode(std::string_view word, std::vector<std::int64_t>& ids) const;

  /// The id of a vocabulary entry, written as in the file.
  std::optional<std::int64_t> id_of(std::string_view entry) const;
  bool has_id(std::int64_t id) const { return used_ids_.contains(id); }
  std::int64_t largest_id() const { return largest_id_; }  ///< -1 if the vocabulary is empty

 private:
  struct Merge {
    std::int32_t rank = 0;
    std::int32_t id = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  void read_vocabulary(const JsonFields& model);
  void read_merges(const JsonFields& model);
  std::int32_t piece(const JsonFields& model, const std::string& where, std::string_view text) const;
  const Merge* find_merge(std::int32_t left, std::int32_t right) const;

  std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>> vocabulary_;
  std::unordered_map<std::uint64_t, Merge> merges_;  ///< key: left id, right id
  std::array<std::int32_t, 256> byte_ids_{};         ///< -1: not in the vocabulary
  std::unordered_set<std::int64_t> used_ids_;
  std::int64_t largest_id_ = -1;
  bool ignore_merges_ = false;
};

}  // namespace deer
