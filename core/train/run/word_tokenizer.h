// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "core/model/model_config.h"

namespace deer {

/// Makes the text of a tokenizer.json (byte-level BPE of the GPT-NeoX kind) in which every word of these
/// instructions is one token, with and without a blank before it; all other text is encoded byte by byte. Id 0 is
/// <|endoftext|>, 1 to 256 are the bytes, then the words in alphabetical order, then <|endofchunk|>,
/// <image> and <PAD>. The order and number of instructions do not matter. Throws Error if one is not UTF-8.
std::string word_tokenizer(std::span<const std::string> instructions);

/// Ids of the special tokens of word_tokenizer(), for a model's configuration, and the number of rows in its embedding
/// table.
struct TokenizerSizes {
  TokenIds ids;
  std::int64_t length = 0;
};

/// Writes the file and reads it back. Throws FileError.
TokenizerSizes write_word_tokenizer(const std::filesystem::path& path, std::span<const std::string> instructions);

}  // namespace deer
