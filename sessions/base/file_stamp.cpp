// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/base/file_stamp.h"

#include <algorithm>
#include <system_error>

namespace deer {

namespace {

QString text_of(std::filesystem::file_time_type time) { return QString::number(time.time_since_epoch().count()); }

}  // namespace

QString model_stamp(const std::filesystem::path& path) {
  std::error_code error;
  auto newest = std::filesystem::last_write_time(path, error);
  if (error) return {};
  for (std::filesystem::directory_iterator file(path, error), end; !error && file != end; file.increment(error)) {
    std::error_code unreadable;
    const auto time = file->last_write_time(unreadable);
    if (!unreadable) newest = std::max(newest, time);
  }
  return text_of(newest);
}

QString source_stamp(const std::filesystem::path& path) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path, error);
  return error ? QString() : text_of(time);
}

}  // namespace deer
