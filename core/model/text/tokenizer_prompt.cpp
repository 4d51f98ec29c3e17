// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/text/tokenizer_prompt.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/model/text/tokenizer_unicode.h"

namespace deer {
namespace {

constexpr const char* kImage = "<image>";
constexpr const char* kEndOfChunk = "<|endofchunk|>";
constexpr const char* kEndOfText = "<|endoftext|>";
constexpr const char* kPadding = "<PAD>";

}  // namespace

PromptEncoder::PromptEncoder(Tokenizer tokenizer, std::size_t max_length)
    : tokenizer_(std::move(tokenizer)), max_length_(max_length) {
  if (max_length_ == 0) throw Error("the maximum prompt length must be at least 1");
  if (!tokenizer_.id_of(kEndOfText)) {
    throw Error(std::string("the tokenizer has no ") + kEndOfText + " token, which ends every prompt");
  }
  ids_.end_of_text = tokenizer_.add_special_token(kEndOfText);
  ids_.end_of_chunk = tokenizer_.add_special_token(kEndOfChunk);
  ids_.image = tokenizer_.add_special_token(kImage);
  ids_.padding = tokenizer_.add_special_token(kPadding);
}

std::string PromptEncoder::prompt(std::string_view instruction) {
  return kImage + std::string(python_strip(instruction)) + kEndOfChunk + kEndOfText;
}

std::vector<std::int64_t> PromptEncoder::encode(std::string_view instruction) const {
  auto ids = tokenizer_.encode(prompt(instruction));
  if (ids.size() > max_length_) ids.resize(max_length_);
  return ids;
}

PromptBatch PromptEncoder::encode(std::span<const std::string> instructions) const {
  std::vector<std::vector<std::int64_t>> rows;
  rows.reserve(instructions.size());
  std::size_t columns = 0;
  for (const auto& instruction : instructions) {
    rows.push_back(encode(instruction));
    columns = std::max(columns, rows.back().size());
  }
  PromptBatch batch;
  batch.rows = static_cast<std::int64_t>(rows.size());
  batch.columns = static_cast<std::int64_t>(columns);
  for (const auto& row : rows) {
    batch.input_ids.insert(batch.input_ids.end(), row.begin(), row.end());
    batch.input_ids.insert(batch.input_ids.end(), columns - row.size(), ids_.padding);
    batch.attention_mask.insert(batch.attention_mask.end(), row.size(), 1);
    batch.attention_mask.insert(batch.attention_mask.end(), columns - row.size(), 0);
  }
  return batch;
}

}  // namespace deer
