// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/atomic_file.h"

#include <unistd.h>

#include <fstream>
#include <string>
#include <system_error>

#include "core/base/error.h"

namespace deer {

void write_file_atomically(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write) {
  auto temporary = path;
  temporary += ".part" + std::to_string(::getpid());
  std::error_code error;
  std::ofstream out(temporary, std::ios::binary);
  try {
    write(out);
  } catch (...) {
    out.close();
    std::filesystem::remove(temporary, error);
    throw;
  }
  out.close();
  if (!out) {
    std::filesystem::remove(temporary, error);
    throw FileError(path, "cannot write (is the folder writable, is the disk full?)");
  }
  std::filesystem::rename(temporary, path, error);
  if (error) {
    const auto reason = error.message();
    std::filesystem::remove(temporary, error);
    throw FileError(path, "cannot replace: " + reason);
  }
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  write_file_atomically(
      path, [content](std::ostream& out) { out.write(content.data(), static_cast<std::streamsize>(content.size())); });
}

}  // namespace deer
