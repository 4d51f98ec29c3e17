// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/json_log.h"

#include <string>
#include <utility>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/text_lines.h"

namespace deer::cli {
namespace {

bool each_line(const std::filesystem::path& file, const Json& settings, const char* other_settings,
               const std::function<void(const std::string& line, const Json& entry)>& take) {
  bool any = false;
  read_complete_lines(file, [&](const std::string& line) {
    const Json entry = Json::parse(line, nullptr, false);
    if (!std::exchange(any, true)) {
      if (entry == settings) return true;
      if (!entry.is_object()) throw FileError(file, "holds something else than the work of this command");
      throw FileError(file, other_settings);
    }
    if (!entry.is_object()) return true;
    try {
      take(line, entry);
    } catch (const Json::exception& error) {
      throw FileError(file, "has an invalid entry: " + printable(error.what(), 200));
    }
    return true;
  });
  return any;
}

}  // namespace

bool JsonLog::read(const std::filesystem::path& file, const Json& settings,
                   const std::function<void(const Json&)>& take) {
  return each_line(file, settings, "was made with other settings than the other parts",
                   [&](const std::string&, const Json& entry) { take(entry); });
}

void JsonLog::open(const std::filesystem::path& file, const Json& settings,
                   const std::function<void(const Json&)>& take) {
  file_ = file;
  lock_ = WriteLock(file);
  write_file_atomically(file, [&](std::ostream& out) {
    out << settings.dump() << '\n';
    constexpr auto kOther = "holds unfinished work with other settings: remove it, or choose another output file";
    each_line(file, settings, kOther, [&](const std::string& line, const Json& entry) {
      take(entry);
      out << line << '\n';
    });
  });
  out_.open(file, std::ios::app);
}

void JsonLog::add(const Json& entry) {
  out_ << entry.dump() << '\n' << std::flush;
  if (!out_) throw FileError(file_, "cannot write (is the disk full?)");
}

void JsonLog::remove() {
  out_.close();
  std::error_code ignored;
  std::filesystem::remove(file_, ignored);
  lock_ = {};
}

}  // namespace deer::cli
