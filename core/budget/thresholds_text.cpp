// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/budget/thresholds_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/exits/exit_policy.h"

namespace deer {
namespace {

constexpr std::size_t kMostWords = 1000;

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// The text after "--thresholds" or "thresholds=", or all of it.
struct Wanted {
  std::string_view text;
  bool is_option = false;
};

Wanted wanted_part(std::string_view text) {
  constexpr std::string_view kName = "thresholds";
  const auto place = text.find(kName);
  if (place == std::string_view::npos) return {text};
  return {text.substr(place + kName.size()), text.substr(0, place).ends_with("--")};
}

// "0,0241 0,0034": a comma inside each word, and blanks between the words.
bool has_decimal_commas(std::string_view text) {
  std::size_t inside = 0, words = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.') return false;
    const bool before = i > 0 && is_digit(text[i - 1]);
    const bool after = i + 1 < text.size() && is_digit(text[i + 1]);
    if (text[i] == ',' && before && after) ++inside;
    if (after && (i == 0 || std::isspace(static_cast<unsigned char>(text[i])) != 0)) ++words;
  }
  return inside >= 2 && words + 1 >= inside && words >= 1;
}

// What stands around the numbers in a printed array, and ends it.
bool is_array_name(std::string_view word) {
  constexpr std::array<std::string_view, 7> kNames = {"array",   "tensor",  "list",   "float",
                                                      "float16", "float32", "float64"};
  if (const auto dot = word.rfind('.'); dot != std::string_view::npos) word.remove_prefix(dot + 1);
  return std::find(kNames.begin(), kNames.end(), word) != kNames.end();
}

bool ends_array(std::string_view word) {
  return word == "dtype" || word == "device" || word == "requires_grad" || word == "grad_fn";
}

// Without the comments that YAML and Python allow.
std::string without_comments(std::string_view text) {
  std::string out;
  bool comment = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') comment = false;
    if (text[i] == '#' && (i == 0 || std::isspace(static_cast<unsigned char>(text[i - 1])) != 0)) comment = true;
    if (!comment) out += text[i];
  }
  return out;
}

}  // namespace

std::optional<double> threshold_from_word(std::string_view word) {
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  const bool minus = lower.starts_with('-');
  const auto size = std::string_view(lower).substr(minus || lower.starts_with('+') ? 1 : 0);
  if (size == "inf" || size == ".inf" || size == "infinity") return minus ? kNeverLeave : kAlwaysLeave;
  if (lower == "always") return kAlwaysLeave;
  if (lower == "never") return kNeverLeave;
  const auto out = parse_number(lower);
  return out && !std::isnan(*out) ? out : std::nullopt;
}

std::vector<double> thresholds_from_text(std::string_view given) {
  const auto text = without_comments(given);
  const auto wanted = wanted_part(text);
  if (has_decimal_commas(wanted.text)) {
    throw Error("these look like numbers with decimal commas; write a point: 0.024");
  }
  const auto count = [&](char c) { return std::count(wanted.text.begin(), wanted.text.end(), c); };
  if (count('[') > count(']') || count('(') > count(')')) throw Error("a bracket is not closed (cut short?)");
  if (wanted.text.find('{') != std::string_view::npos) {
    throw Error("thresholds by exit layer are read from a JSON file; here give a list");
  }
  std::vector<double> out;
  std::size_t words = 0;
  std::string word;
  // False where the list ends.
  const auto take = [&](char next) {
    if (word.empty()) return true;
    const auto taken = std::exchange(word, {});
    if (++words > kMostWords) return false;
    if (taken == "-" || is_array_name(taken)) return true;  // a bullet of YAML's
    if (ends_array(taken) || (wanted.is_option && taken.starts_with("--"))) return false;
    if (next == ':' && !out.empty()) return false;  // the next field of a YAML file
    const auto value = threshold_from_word(taken);
    if (value && next == ':') {
      throw Error("'" + printable(taken) + ":' is a key: expected a list of thresholds, or a JSON file by exit layer");
    }
    if (!value) {
      throw Error("'" + printable(taken) + "' is not a threshold: expected a number, 'always' or 'never'");
    }
    out.push_back(*value);
    return true;
  };
  constexpr std::string_view kBetween = " \t\r\n,;=:[](){}\"'";
  bool after_comma = false;
  for (const char c : wanted.text) {
    if (c == ',' && std::exchange(after_comma, true)) throw Error("a threshold is missing between two commas");
    if (c != ',' && std::isspace(static_cast<unsigned char>(c)) == 0) after_comma = false;
    if (kBetween.find(c) == std::string_view::npos) {
      word += c;
    } else if (!take(c)) {
      return out;
    }
  }
  take(' ');
  return out;
}

}  // namespace deer
