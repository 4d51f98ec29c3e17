// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>

#include "core/base/error.h"

namespace deer {
namespace {

// True unless the disk reports a failure; file systems that cannot sync are left alone.
bool sync_to_disk(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool good = ::fsync(fd) == 0 || errno == EINVAL || errno == EROFS;
  ::close(fd);
  return good;
}

}  // namespace

void write_file_atomically(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write,
                           Durable durable) {
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
  if (!out || (durable == Durable::yes && !sync_to_disk(temporary))) {
    std::filesystem::remove(temporary, error);
    throw FileError(path, "cannot write (is the folder writable, is the disk full?)");
  }
  std::filesystem::rename(temporary, path, error);
  if (error) {
    const auto reason = error.message();
    std::filesystem::remove(temporary, error);
    throw FileError(path, "cannot replace: " + reason);
  }
  // The file is complete whatever happens to its name: a folder that cannot be synced is no failure.
  if (durable == Durable::yes) {
    const auto folder = path.parent_path();
    (void)sync_to_disk(folder.empty() ? "." : folder);
  }
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content, Durable durable) {
  write_file_atomically(
      path, [content](std::ostream& out) { out.write(content.data(), static_cast<std::streamsize>(content.size())); },
      durable);
}

}  // namespace deer
