// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/base/file_stamp.h"

#include <algorithm>
#include <system_error>

namespace deer {

QString file_stamp(const std::filesystem::path& path) {
  std::error_code error;
  auto newest = std::filesystem::last_write_time(path, error);
  if (error) return {};
  for (std::filesystem::directory_iterator file(path, error), end; !error && file != end; file.increment(error)) {
    std::error_code unreadable;
    const auto time = file->last_write_time(unreadable);
    if (!unreadable) newest = std::max(newest, time);
  }
  return QString::number(newest.time_since_epoch().count());
}

}  // namespace deer
