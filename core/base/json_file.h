// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deer {

using Json = nlohmann::json;

/// Parses JSON text in linear time. `path` is for messages. Refuses nesting deeper than `max_depth`; keys of
/// the outermost object are appended to `top_level_keys` in file order, duplicates included.
Json parse_json(std::string_view text, const std::filesystem::path& path, int max_depth = 128,
                std::vector<std::string>* top_level_keys = nullptr);

/// Parses a JSON file. Throws FileError naming the byte where parsing stopped.
Json read_json(const std::filesystem::path& path);

/// Typed access to a JSON object, with messages that name the file and the field.
class JsonFields {
 public:
  /// `where` names the object inside the file ("head", "llm.attn_config"); empty for the whole file.
  /// Throws FileError if `object` is not a JSON object.
  JsonFields(std::filesystem::path file, const Json& object, std::string where = {});

  bool has(const char* key) const;              ///< present and not null
  JsonFields object(const char* key) const;     ///< a required object
  std::int64_t integer(const char* key) const;  ///< required
  std::int64_t integer(const char* key, std::int64_t fallback) const;
  double number(const char* key) const;  ///< required
  double number(const char* key, double fallback) const;
  bool boolean(const char* key, bool fallback) const;
  std::string text(const char* key) const;  ///< required
  std::string text(const char* key, std::string fallback) const;
  std::vector<std::int64_t> integers(const char* key) const;  ///< required array of integers
  std::vector<double> numbers(const char* key) const;         ///< required array of numbers

  /// Like integer(), and in [low, high].
  std::int64_t integer_in(const char* key, std::int64_t low, std::int64_t high) const;

  [[noreturn]] void fail(const char* key, const std::string& expected) const;
  const std::filesystem::path& file() const { return file_; }
  const Json& json() const { return *object_; }

 private:
  const Json* find(const char* key) const;

  std::filesystem::path file_;
  const Json* object_;
  std::string where_;
};

}  // namespace deer
