// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

namespace deer {

/// A large file of known size that several threads fill chunk by chunk, under the name "<path>.part"
/// until it is whole. Which chunks are done is noted beside it, so that a build that was killed goes
/// on where it was. A lock keeps other processes out.
class ChunkedFile {
 public:
  /// `id` identifies the content: chunks of a build with another id, size or number of chunks are
  /// forgotten. Throws FileError if the file cannot be made or another process is writing it.
  ChunkedFile(std::filesystem::path path, std::uint64_t id, std::int64_t bytes, std::int64_t chunks);
  ~ChunkedFile();
  ChunkedFile(const ChunkedFile&) = delete;
  ChunkedFile& operator=(const ChunkedFile&) = delete;

  /// Any thread. Throws FileError.
  void write(std::int64_t offset, const void* data, std::size_t size) const;

  /// Calls `fill(chunk, stop)` for each chunk that is not done, on `workers` threads, and notes it done
  /// when it returns. `tick()` is called on this thread, a few times a second and at the end. The
  /// first exception passes through, after all threads have stopped; Cancelled.
  void fill(int workers, const std::stop_token& stop,
            const std::function<void(std::int64_t, const std::stop_token&)>& fill, const std::function<void()>& tick);

  bool is_done(std::int64_t chunk) const { return done_[static_cast<std::size_t>(chunk)]; }

  /// Gives the file its name, replacing an older one.
  void publish();

 private:
  [[noreturn]] void fail(const char* what) const;
  bool read_notes(const std::string& title, std::int64_t bytes);
  void note(std::int64_t chunk);

  const std::filesystem::path path_, part_path_, notes_path_;
  int fd_ = -1;
  std::vector<bool> done_;
  std::mutex mutex_;
};

/// FNV-1a, 64 bits: tells whether a derived file still belongs to what it was made from.
class ContentHash {
 public:
  void add(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) value_ = (value_ ^ bytes[i]) * 0x100000001b3ULL;
  }
  void add(std::int64_t number) { add(&number, sizeof number); }
  void add(std::uint64_t number) { add(&number, sizeof number); }
  void add(int number) { add(static_cast<std::int64_t>(number)); }
  void add(const std::string& text) {
    add(static_cast<std::int64_t>(text.size()));
    add(text.data(), text.size());
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

}  // namespace deer
