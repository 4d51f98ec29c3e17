// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/text/tokenizer.h"

namespace deer {

/// Prompts of one batch, padded on the right to the longest. Both arrays are row-major [rows, columns].
struct PromptBatch {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<std::int64_t> input_ids;
  std::vector<std::int64_t> attention_mask;  ///< 1 token, 0 padding
};

/// Turns instructions into DeeR's prompts: "<image>" + instruction, stripped as Python strips +
/// "<|endofchunk|>" + "<|endoftext|>". Const methods may be called from several threads.
class PromptEncoder {
 public:
  struct Ids {
    std::int64_t image = 0;
    std::int64_t end_of_chunk = 0;
    std::int64_t end_of_text = 0;
    std::int64_t padding = 0;
  };

  /// Adds "<|endofchunk|>", "<image>" and "<PAD>" to the tokenizer, in this order and each after all existing ids, as
  /// DeeR does, unless they already exist. Throws Error if the tokenizer has no "<|endoftext|>".
  /// A prompt keeps its first `max_length` ids (at least 1).
  explicit PromptEncoder(Tokenizer tokenizer, std::size_t max_length = 32);

  /// The prompt as text.
  static std::string prompt(std::string_view instruction);

  /// Ids of one prompt, at most max_length(): a long instruction loses the closing tokens. Throws
  /// Error as Tokenizer::encode does.
  std::vector<std::int64_t> encode(std::string_view instruction) const;

  /// Several prompts. An empty list gives an empty batch.
  PromptBatch encode(std::span<const std::string> instructions) const;

  const Ids& ids() const { return ids_; }
  std::size_t max_length() const { return max_length_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  Tokenizer tokenizer_;
  Ids ids_;
  std::size_t max_length_;
};

}  // namespace deer
