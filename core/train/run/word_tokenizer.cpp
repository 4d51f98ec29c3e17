// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/run/word_tokenizer.h"

#include <array>
#include <set>

#include "core/base/atomic_file.h"
#include "core/model/text/tokenizer_prompt.h"
#include "core/model/text/tokenizer_unicode.h"

namespace deer {
namespace {

constexpr const char* kEndOfText = "<|endoftext|>";
constexpr std::array kOtherSpecials = {"<|endofchunk|>", "<image>", "<PAD>"};

std::set<std::string> words_of(std::span<const std::string> instructions) {
  std::set<std::string> words;
  for (const auto& instruction : instructions) {
    check_text(instruction);
    const auto text = to_nfc(python_strip(instruction));
    for (auto word : split_words(text)) {
      if (word.starts_with(' ')) word.remove_prefix(1);
      if (word.empty()) continue;
      words.insert(std::string(word));
      // No blank after an apostrophe.
      if (word.front() != '\'') words.insert(" " + std::string(word));
    }
  }
  return words;
}

Json special_token(std::int64_t id, const std::string& text) {
  return {{"id", id},        {"content", text},     {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

Json byte_level_step(bool add_prefix_space) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"trim_offsets", true}, {"use_regex", true}};
}

}  // namespace

std::string word_tokenizer(std::span<const std::string> instructions) {
  std::int64_t next = 0;
  Json vocabulary = {{kEndOfText, next++}};
  for (const auto& symbol : byte_alphabet()) vocabulary[symbol] = next++;
  for (const auto& word : words_of(instructions)) {
    std::string entry;
    for (const char c : word) entry += byte_alphabet()[static_cast<unsigned char>(c)];
    if (!vocabulary.contains(entry)) vocabulary[entry] = next++;
  }
  Json added = Json::array({special_token(0, kEndOfText)});
  for (const char* text : kOtherSpecials) added.push_back(special_token(next++, text));
  const Json file = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added},
                     {"normalizer", {{"type", "NFC"}}},
                     {"pre_tokenizer", byte_level_step(false)},
                     {"post_processor", byte_level_step(false)},
                     {"decoder", byte_level_step(true)},
                     // Without merges, only whole words are longer than a byte.
                     {"model",
                      {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"ignore_merges", true},
                       {"vocab", vocabulary},
                       {"merges", Json::array()}}}};
  return file.dump(1) + "\n";
}

TokenizerSizes write_word_tokenizer(const std::filesystem::path& path, std::span<const std::string> instructions) {
  write_file_atomically(path, word_tokenizer(instructions));
  const PromptEncoder prompts(Tokenizer::load(path));
  TokenizerSizes out;
  out.ids.end_of_text = prompts.ids().end_of_text;
  out.ids.end_of_chunk = prompts.ids().end_of_chunk;
  out.ids.image = prompts.ids().image;
  out.ids.pad = prompts.ids().padding;
  out.ids.max_length = static_cast<std::int64_t>(prompts.max_length());
  out.length = prompts.tokenizer().length();
  return out;
}

}  // namespace deer
