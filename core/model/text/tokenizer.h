// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/model/text/tokenizer_bpe.h"

namespace deer {

/// Where a model folder may have its tokenizer.json, the likeliest first: beside the weights or in a folder of the
/// language model.
std::vector<std::filesystem::path> tokenizer_places(const std::filesystem::path& model);

/// A byte-level BPE tokenizer as Hugging Face's `tokenizers` runs it, for tokenizer.json files of the
/// GPT-2 and GPT-NeoX kind: normalizer NFC or none, ByteLevel splitting, BPE, added tokens.
///
/// encode() is const and may be called from several threads, but not at the same time as add_special_token().
class Tokenizer {
 public:
  /// Reads a tokenizer.json. Throws FileError naming the field if the file is malformed or uses
  /// something that is not supported (another model, normalizer or pre-tokenizer, whole-word added
  /// tokens, a post-processor that adds tokens). Settings for truncation and padding are ignored:
  /// the caller decides those.
  static Tokenizer load(const std::filesystem::path& path);

  /// Makes `text` a special token: it is split off before any other processing. An existing token keeps its id; a new
  /// one gets `id`, or by default the first id after all others. Returns the id. Throws Error if `text` is empty or
  /// already has another id, or if `id` is already used.
  std::int64_t add_special_token(const std::string& text, std::optional<std::int64_t> id = std::nullopt);

  /// Ids of `text` (UTF-8), without extra tokens around it. Throws Error if the text is not valid
  /// UTF-8, or is not ASCII and this build has no utf8proc.
  std::vector<std::int64_t> encode(std::string_view text) const;

  /// Id of an added token or a vocabulary entry, written as in the file.
  std::optional<std::int64_t> id_of(std::string_view token) const;

  /// One more than the largest id: number of rows in the embedding table.
  std::int64_t length() const { return length_; }

 private:
  struct AddedToken {
    std::string text;
    std::int64_t id = 0;
    bool normalized = false;  ///< matched in normalised text
    bool lstrip = false;      ///< includes white space before it
    bool rstrip = false;      ///< includes white space after it
  };
  /// A piece of text, or the id of the added token found there.
  struct Piece {
    std::string_view text;
    std::optional<std::int64_t> id;
  };
  /// Finds added tokens: leftmost first, then the longest.
  class Matcher {
   public:
    void add(AddedToken token);
    std::vector<Piece> split(std::string_view text) const;

   private:
    const AddedToken* match_at(std::string_view text, std::size_t at) const;
    std::unordered_map<char, std::vector<AddedToken>> by_first_byte_;  ///< longest first
  };

  explicit Tokenizer(std::shared_ptr<const BytePairEncoding> bpe)
      : bpe_(std::move(bpe)), length_(bpe_->largest_id() + 1) {}

  void read_steps(const JsonFields& file);
  void read_added_token(const JsonFields& fields);
  void add(AddedToken token);
  bool is_taken(std::int64_t id) const { return bpe_->has_id(id) || used_ids_.contains(id); }
  void encode_words(std::string_view text, std::vector<std::int64_t>& ids) const;

  std::shared_ptr<const BytePairEncoding> bpe_;
  std::unordered_map<std::string, std::int64_t> added_ids_;
  std::unordered_set<std::int64_t> used_ids_;  ///< of added tokens
  Matcher raw_tokens_;
  Matcher normalized_tokens_;
  std::int64_t length_ = 0;
  bool nfc_ = false;
  bool split_words_ = true;
  bool add_prefix_space_ = false;
};

}  // namespace deer
