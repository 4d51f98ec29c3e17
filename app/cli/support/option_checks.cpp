// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/option_checks.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>

#include "core/base/error.h"
#include "core/base/number_text.h"

namespace deer::cli {
namespace {

CLI::Validator number_check(const char* expected, bool (*fits)(double)) {
  return CLI::Validator(
      [expected, fits](std::string& text) {
        const auto number = parse_number(text);
        if (number && fits(*number)) return std::string();
        auto out = "'" + printable(text) + "' is not " + expected;
        std::string pointed = text;
        std::replace(pointed.begin(), pointed.end(), ',', '.');
        if (!number && pointed != text && parse_number(pointed)) out += "; did you mean " + pointed + "?";
        return out;
      },
      "");
}

}  // namespace

CLI::Validator above_zero() {
  return number_check("a number above 0", [](double number) { return number > 0; });
}

CLI::Validator at_least_zero() {
  return number_check("a number from 0", [](double number) { return number >= 0; });
}

CLI::Validator whole_number() {
  return CLI::Validator(
      [](std::string& text) {
        std::uint64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (error == std::errc{} && end == text.data() + text.size() && !text.empty()) return std::string();
        return "'" + printable(text) + "' is not a whole number from 0";
      },
      "");
}

CLI::Validator output_file() {
  return CLI::Validator(
      [](std::string& text) {
        namespace fs = std::filesystem;
        std::error_code error;
        const auto file = fs::absolute(text, error);
        if (text.empty()) throw Error("a file name is missing");
        if (fs::is_directory(file, error)) throw FileError(text, "is a folder, expected a file");
        if (!fs::is_directory(file.parent_path(), error)) throw FileError(file.parent_path(), "is not a directory");
        return std::string();
      },
      "");
}

}  // namespace deer::cli
