// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/data/chunked_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <exception>
#include <fstream>
#include <system_error>
#include <thread>

#include "core/base/atomic_file.h"
#include "core/base/error.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

fs::path with_suffix(fs::path path, const char* suffix) { return path += suffix; }

}  // namespace

ChunkedFile::ChunkedFile(fs::path path, std::uint64_t id, std::int64_t bytes, std::int64_t chunks)
    : path_(std::move(path)),
      part_path_(with_suffix(path_, ".part")),
      notes_path_(with_suffix(path_, ".progress")),
      done_(static_cast<std::size_t>(chunks), false) {
  std::error_code error;
  fs::create_directories(path_.parent_path(), error);
  if (error) throw FileError(path_.parent_path(), "cannot be created: " + error.message());
  fd_ = ::open(part_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) fail("cannot be opened");
  try {
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) throw FileError(part_path_, "is being written by another process");
    const auto title = std::to_string(id) + " " + std::to_string(chunks);
    if (!read_notes(title, bytes)) {
      if (::ftruncate(fd_, 0) != 0) fail("cannot be emptied");
      write_file_atomically(notes_path_, title + "\n");
    }
    if (::ftruncate(fd_, bytes) != 0) fail("cannot be resized");
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

ChunkedFile::~ChunkedFile() { ::close(fd_); }

void ChunkedFile::fail(const char* what) const {
  throw FileError(part_path_, std::string(what) + ": " + std::generic_category().message(errno));
}

bool ChunkedFile::read_notes(const std::string& title, std::int64_t bytes) {
  std::ifstream in(notes_path_);
  std::string line;
  if (!std::getline(in, line) || line != title) return false;
  struct stat info {};
  if (::fstat(fd_, &info) != 0 || info.st_size != bytes) return false;
  // An incomplete line may hold part of a number.
  while (std::getline(in, line) && !in.eof()) {
    const auto chunk = std::strtoull(line.c_str(), nullptr, 10);
    if (chunk < done_.size()) done_[chunk] = true;
  }
  return true;
}

void ChunkedFile::write(std::int64_t offset, const void* data, std::size_t size) const {
  const auto* at = static_cast<const char*>(data);
  while (size > 0) {
    const auto written = ::pwrite(fd_, at, size, offset);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("cannot be written");
    at += written;
    offset += written;
    size -= static_cast<std::size_t>(written);
  }
}

void ChunkedFile::note(std::int64_t chunk) {
  if (::fdatasync(fd_) != 0) fail("cannot be written");
  const std::lock_guard lock(mutex_);
  std::ofstream(notes_path_, std::ios::app) << chunk << '\n' << std::flush;
  done_[static_cast<std::size_t>(chunk)] = true;
}

void ChunkedFile::fill(int workers, const std::stop_token& stop,
                       const std::function<void(std::int64_t, const std::stop_token&)>& fill_chunk,
                       const std::function<void()>& tick) {
  std::vector<std::int64_t> todo;
  for (std::size_t chunk = 0; chunk < done_.size(); ++chunk) {
    if (!done_[chunk]) todo.push_back(static_cast<std::int64_t>(chunk));
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::exception_ptr failure;
  int running = workers;
  std::atomic<std::size_t> next{0};
  std::stop_source stopped;
  const std::stop_callback forward(stop, [&] { stopped.request_stop(); });
  std::vector<std::jthread> threads;
  for (int i = 0; i < workers; ++i) {
    threads.emplace_back([&] {
      try {
        for (auto at = next++; at < todo.size(); at = next++) {
          if (stopped.stop_requested()) throw Cancelled();
          fill_chunk(todo[at], stopped.get_token());
          note(todo[at]);
        }
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        stopped.request_stop();
      }
      const std::lock_guard lock(mutex);
      --running;
      changed.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  while (!changed.wait_for(lock, std::chrono::milliseconds(300), [&] { return running == 0; })) {
    lock.unlock();
    tick();
    lock.lock();
  }
  lock.unlock();
  threads.clear();
  if (failure) std::rethrow_exception(failure);
  tick();
}

void ChunkedFile::publish() {
  std::error_code error;
  fs::rename(part_path_, path_, error);
  if (error) throw FileError(path_, "cannot be replaced: " + error.message());
  fs::remove(notes_path_, error);
}

}  // namespace deer
