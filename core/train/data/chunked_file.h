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

/// A large file of known size that several threads fill chunk by chunk, named "<path>.part" until it is complete.
/// Finished chunks are listed in a second file, so that a killed build can resume. A lock keeps other processes out.
class ChunkedFile {
 public:
  /// `id` identifies the content: chunks of a build with a different id, size or number of chunks are discarded. Throws
  /// FileError if the file cannot be created or another process is writing it.
  ChunkedFile(std::filesystem::path path, std::uint64_t id, std::int64_t bytes, std::int64_t chunks);
  ~ChunkedFile();
  ChunkedFile(const ChunkedFile&) = delete;
  ChunkedFile& operator=(const ChunkedFile&) = delete;

  /// Any thread. Throws FileError.
  void write(std::int64_t offset, const void* data, std::size_t size) const;

  /// Calls `fill(chunk, stop)` for each unfinished chunk, on `workers` threads, and marks it as finished
  /// when it returns. `tick()` is called on this thread, a few times a second and at the end. The
  /// first exception passes through, after all threads have stopped; Cancelled.
  void fill(int workers, const std::stop_token& stop,
            const std::function<void(std::int64_t, const std::stop_token&)>& fill, const std::function<void()>& tick);

  bool is_done(std::int64_t chunk) const { return done_[static_cast<std::size_t>(chunk)]; }

  /// Renames the file to its final name, replacing an older one.
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

/// FNV-1a, 64 bits: checks whether a derived file still matches its sources.
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
