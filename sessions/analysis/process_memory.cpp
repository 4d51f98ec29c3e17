// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/process_memory.h"

#include <unistd.h>

#include <QFile>

namespace deer {

std::int64_t resident_bytes() {
  QFile file(QStringLiteral("/proc/self/statm"));
  if (!file.open(QFile::ReadOnly)) return 0;
  const auto fields = file.readAll().split(' ');
  return fields.size() > 1 ? fields[1].toLongLong() * sysconf(_SC_PAGESIZE) : 0;
}

}  // namespace deer
