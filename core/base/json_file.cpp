// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/json_file.h"

#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/base/mapped_file.h"

namespace deer {
namespace {

bool is_int64(const Json& value) {
  if (!value.is_number_integer()) return false;
  return !value.is_number_unsigned() || value.get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max();
}

// Scans the text without building anything: nlohmann's own callback parser takes quadratic time on
// objects with many members, and its recursive destructor needs the depth to be bounded.
class Scan final : public nlohmann::json_sax<Json> {
 public:
  Scan(int max_depth, std::vector<std::string>* keys) : max_depth_(max_depth), keys_(keys) {}

  bool too_deep() const { return depth_ > max_depth_; }
  std::size_t error_byte() const { return error_byte_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return ++depth_ <= max_depth_; }
  bool start_array(std::size_t) override { return ++depth_ <= max_depth_; }
  bool end_object() override { return --depth_ >= 0; }
  bool end_array() override { return --depth_ >= 0; }
  bool key(string_t& name) override {
    if (depth_ == 1 && keys_ != nullptr) keys_->push_back(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    error_byte_ = position;
    return false;
  }

 private:
  int max_depth_;
  int depth_ = 0;
  std::size_t error_byte_ = 0;
  std::vector<std::string>* keys_;
};

}  // namespace

Json parse_json(std::string_view text, const std::filesystem::path& path, int max_depth,
                std::vector<std::string>* top_level_keys) {
  Scan scan(max_depth, top_level_keys);
  if (!Json::sax_parse(text.begin(), text.end(), &scan)) {
    if (scan.too_deep()) throw FileError(path, "JSON is nested more than " + std::to_string(max_depth) + " deep");
    throw FileError(path, "not valid JSON at byte " + std::to_string(scan.error_byte()));
  }
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const Json::exception& error) {
    throw FileError(path, "not valid JSON: " + printable(error.what()));
  }
}

Json read_json(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  if (file->size() == 0) throw FileError(path, "is empty: not valid JSON at byte 1");
  return parse_json({reinterpret_cast<const char*>(file->bytes().data()), file->size()}, path);
}

JsonFields::JsonFields(std::filesystem::path file, const Json& object, std::string where)
    : file_(std::move(file)), object_(&object), where_(std::move(where)) {
  if (!object.is_object()) {
    throw FileError(file_, (where_.empty() ? std::string("content") : "'" + where_ + "'") + " is " +
                               object.type_name() + ", expected an object");
  }
}

const Json* JsonFields::find(const char* key) const {
  const auto it = object_->find(key);
  return it == object_->end() || it->is_null() ? nullptr : &*it;
}

void JsonFields::fail(const char* key, const std::string& expected) const {
  const auto name = where_.empty() ? std::string(key) : where_ + "." + key;
  const Json* value = find(key);
  const auto found = value == nullptr ? "is missing" : "is " + printable(value->dump(), 40);
  throw FileError(file_, "'" + name + "' " + found + ", expected " + expected);
}

bool JsonFields::has(const char* key) const { return find(key) != nullptr; }

JsonFields JsonFields::object(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr || !value->is_object()) fail(key, "an object");
  return {file_, *value, where_.empty() ? key : where_ + "." + key};
}

std::int64_t JsonFields::integer(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr || !is_int64(*value)) fail(key, "a whole number");
  return value->get<std::int64_t>();
}

std::int64_t JsonFields::integer(const char* key, std::int64_t fallback) const {
  return has(key) ? integer(key) : fallback;
}

double JsonFields::number(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr || !value->is_number()) fail(key, "a number");
  return value->get<double>();
}

double JsonFields::number(const char* key, double fallback) const { return has(key) ? number(key) : fallback; }

bool JsonFields::boolean(const char* key, bool fallback) const {
  const Json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) fail(key, "true or false");
  return value->get<bool>();
}

std::string JsonFields::text(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr || !value->is_string()) fail(key, "text");
  return value->get<std::string>();
}

std::string JsonFields::text(const char* key, std::string fallback) const {
  return has(key) ? text(key) : std::move(fallback);
}

std::vector<std::int64_t> JsonFields::integers(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr || !value->is_array()) fail(key, "a list of whole numbers");
  std::vector<std::int64_t> out;
  for (const Json& item : *value) {
    if (!is_int64(item)) fail(key, "a list of whole numbers");
    out.push_back(item.get<std::int64_t>());
  }
  return out;
}

std::vector<double> JsonFields::numbers(const char* key) const {
  const Json* value = find(key);
  if (value == nullptr || !value->is_array()) fail(key, "a list of numbers");
  std::vector<double> out;
  for (const Json& item : *value) {
    if (!item.is_number()) fail(key, "a list of numbers");
    out.push_back(item.get<double>());
  }
  return out;
}

std::int64_t JsonFields::integer_in(const char* key, std::int64_t low, std::int64_t high) const {
  const auto value = integer(key);
  if (value < low || value > high) {
    fail(key, "a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return value;
}

}  // namespace deer
