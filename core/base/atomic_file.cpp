// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>

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

WriteLock::WriteLock(const std::filesystem::path& file) : lock_(file) {
  lock_ += ".lock";
  while (true) {
    file_ = ::open(lock_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file_ < 0) return;  // a folder that cannot be written to: writing the file will say so
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      const bool taken = errno == EWOULDBLOCK;
      std::string owner(32, '\0');
      const auto size = ::pread(file_, owner.data(), owner.size(), 0);
      owner.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
      ::close(std::exchange(file_, -1));
      if (!taken) return;
      throw FileError(file, "is being written by another program" + (owner.empty() ? "" : " (process " + owner + ")"));
    }
    // The one before may have removed the file that was just locked.
    struct stat mine {
    }, named{};
    if (::fstat(file_, &mine) == 0 && ::stat(lock_.c_str(), &named) == 0 && mine.st_ino == named.st_ino) break;
    ::close(std::exchange(file_, -1));
  }
  const auto owner = std::to_string(::getpid());
  if (::ftruncate(file_, 0) != 0 || ::pwrite(file_, owner.data(), owner.size(), 0) < 0) {
    // Only the message of others lacks the number.
  }
}

WriteLock::WriteLock(WriteLock&& other) noexcept
    : lock_(std::move(other.lock_)), file_(std::exchange(other.file_, -1)) {}

WriteLock& WriteLock::operator=(WriteLock&& other) noexcept {
  if (this != &other) {
    release();
    lock_ = std::move(other.lock_);
    file_ = std::exchange(other.file_, -1);
  }
  return *this;
}

WriteLock::~WriteLock() { release(); }

void WriteLock::release() {
  if (file_ < 0) return;
  ::unlink(lock_.c_str());
  ::close(std::exchange(file_, -1));
}

}  // namespace deer
