// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/text/tokenizer.h"

#include <algorithm>
#include <limits>

#include "core/base/error.h"
#include "core/model/text/tokenizer_unicode.h"

namespace deer {
namespace {

// One step of the file; a Sequence of at most one step counts as that step. Null: no step.
std::optional<JsonFields> only_step(const JsonFields& file, const char* key, const char* list) {
  if (!file.has(key)) return std::nullopt;
  const JsonFields step = file.object(key);
  if (step.text("type") != "Sequence") return step;
  const auto where = std::string(key) + "." + list;
  const auto it = step.json().find(list);
  if (it == step.json().end() || !it->is_array() || it->size() > 1) {
    step.fail(list, "a list of at most one step (longer sequences are not supported)");
  }
  if (it->empty()) return std::nullopt;
  return JsonFields(file.file(), it->front(), where + "[0]");
}

}  // namespace

void Tokenizer::Matcher::add(AddedToken token) {
  auto& bucket = by_first_byte_[token.text.front()];
  const auto longer = [&](const AddedToken& other) { return other.text.size() >= token.text.size(); };
  bucket.insert(std::find_if_not(bucket.begin(), bucket.end(), longer), std::move(token));
}

const Tokenizer::AddedToken* Tokenizer::Matcher::match_at(std::string_view text, std::size_t at) const {
  const auto bucket = by_first_byte_.find(text[at]);
  if (bucket == by_first_byte_.end()) return nullptr;
  const auto rest = text.substr(at);
  for (const AddedToken& token : bucket->second) {
    if (rest.starts_with(token.text)) return &token;
  }
  return nullptr;
}

std::vector<Tokenizer::Piece> Tokenizer::Matcher::split(std::string_view text) const {
  std::vector<Piece> pieces;
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const AddedToken* token = match_at(text, at);
    if (token == nullptr) {
      ++at;
      continue;
    }
    auto begin = at;
    auto end = at + token->text.size();
    at = end;
    if (token->lstrip) begin = std::max(begin - trailing_space(text.substr(0, begin)), done);
    if (token->rstrip) end += leading_space(text.substr(end));
    if (done < begin) pieces.push_back({text.substr(done, begin - done), std::nullopt});
    pieces.push_back({text.substr(begin, end - begin), token->id});
    done = end;
  }
  if (done < text.size()) pieces.push_back({text.substr(done), std::nullopt});
  return pieces;
}

std::vector<std::filesystem::path> tokenizer_places(const std::filesystem::path& model) {
  return {model / "tokenizer.json", model / "mpt" / "tokenizer.json", model / "llm" / "tokenizer.json"};
}

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  const Json json = read_json(path);
  const JsonFields file(path, json);
  Tokenizer tokenizer(std::make_shared<const BytePairEncoding>(file.object("model")));
  tokenizer.read_steps(file);
  if (!file.has("added_tokens")) return tokenizer;
  const Json& added = json["added_tokens"];
  if (!added.is_array()) file.fail("added_tokens", "a list of tokens");
  for (std::size_t i = 0; i < added.size(); ++i) {
    tokenizer.read_added_token(JsonFields(path, added[i], "added_tokens[" + std::to_string(i) + "]"));
  }
  return tokenizer;
}

void Tokenizer::read_steps(const JsonFields& file) {
  if (const auto step = only_step(file, "normalizer", "normalizers")) {
    if (step->text("type") != "NFC") step->fail("type", "NFC (other normalizers are not supported)");
    nfc_ = true;
  }
  const auto splitter = only_step(file, "pre_tokenizer", "pretokenizers");
  if (!splitter) file.fail("pre_tokenizer", "ByteLevel (other pre-tokenizers are not supported)");
  if (splitter->text("type") != "ByteLevel") {
    splitter->fail("type", "ByteLevel (other pre-tokenizers are not supported)");
  }
  add_prefix_space_ = splitter->boolean("add_prefix_space", true);
  split_words_ = splitter->boolean("use_regex", true);
  // ByteLevel as a post-processor only moves offsets.
  if (const auto step = only_step(file, "post_processor", "processors"); step && step->text("type") != "ByteLevel") {
    step->fail("type", "ByteLevel or none (post-processors that add tokens are not supported)");
  }
}

void Tokenizer::read_added_token(const JsonFields& fields) {
  AddedToken token;
  token.text = fields.text("content");
  token.id = fields.integer_in("id", 0, std::numeric_limits<std::int32_t>::max());
  token.normalized = fields.boolean("normalized", !fields.boolean("special", false));
  token.lstrip = fields.boolean("lstrip", false);
  token.rstrip = fields.boolean("rstrip", false);
  if (token.text.empty()) fields.fail("content", "non-empty text");
  if (fields.boolean("single_word", false)) {
    fields.fail("single_word", "false (whole-word added tokens are not supported)");
  }
  if (const auto known = id_of(token.text); known && *known != token.id) {
    fields.fail("id", std::to_string(*known) + ", the existing id of \"" + printable(token.text, 40) + "\"");
  } else if (!known && is_taken(token.id)) {
    fields.fail("id", "an id that is not used by another token");
  }
  try {
    check_text(token.text);
    add(std::move(token));
  } catch (const FileError&) {
    throw;
  } catch (const Error& error) {
    throw FileError(fields.file(), std::string("'added_tokens': ") + error.what());
  }
}

void Tokenizer::add(AddedToken token) {
  added_ids_[token.text] = token.id;
  used_ids_.insert(token.id);
  length_ = std::max(length_, token.id + 1);
  if (token.normalized && nfc_) token.text = to_nfc(token.text);
  (token.normalized ? normalized_tokens_ : raw_tokens_).add(std::move(token));
}

std::int64_t Tokenizer::add_special_token(const std::string& text, std::optional<std::int64_t> id) {
  if (text.empty()) throw Error("a special token must not be empty");
  check_text(text);
  const auto name = "special token \"" + printable(text, 40) + "\"";
  const auto known = id_of(text);
  if (known && id && *known != *id) {
    throw Error(name + " already has id " + std::to_string(*known) + ", expected " + std::to_string(*id));
  }
  if (added_ids_.contains(text)) return *known;
  const auto chosen = known ? *known : id.value_or(length_);
  if (chosen < 0) throw Error(name + " cannot have the negative id " + std::to_string(chosen));
  if (!known && is_taken(chosen))
    throw Error(name + " cannot have id " + std::to_string(chosen) + ": it is already used");
  add({text, chosen, false, false, false});
  return chosen;
}

std::vector<std::int64_t> Tokenizer::encode(std::string_view text) const {
  check_text(text);
  std::vector<std::int64_t> ids;
  for (const Piece& raw : raw_tokens_.split(text)) {
    if (raw.id) {
      ids.push_back(*raw.id);
      continue;
    }
    const std::string normalized = nfc_ ? to_nfc(raw.text) : std::string(raw.text);
    for (const Piece& piece : normalized_tokens_.split(normalized)) {
      if (piece.id) {
        ids.push_back(*piece.id);
      } else {
        encode_words(piece.text, ids);
      }
    }
  }
  return ids;
}

void Tokenizer::encode_words(std::string_view text, std::vector<std::int64_t>& ids) const {
  std::string prefixed;
  if (add_prefix_space_ && !text.starts_with(' ')) {
    prefixed.append(1, ' ').append(text);
    text = prefixed;
  }
  if (!split_words_) {
    bpe_->encode(text, ids);
    return;
  }
  for (const auto word : split_words(text)) bpe_->encode(word, ids);
}

std::optional<std::int64_t> Tokenizer::id_of(std::string_view token) const {
  if (const auto it = added_ids_.find(std::string(token)); it != added_ids_.end()) return it->second;
  return bpe_->id_of(token);
}

}  // namespace deer
