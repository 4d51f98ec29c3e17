// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "core/exits/frame_record.h"
#include "core/trace/trace.h"

namespace deer {

struct TraceWriterOptions {
  /// An appended frame is in the file this long after at the latest.
  std::chrono::milliseconds flush_every{1000};
  /// Frames waiting to be written are written earlier beyond so many bytes.
  std::size_t buffer_bytes = std::size_t{32} << 20;
};

/// Writes the trace of a run. The file opens at every moment, here and with any HDF5 program, and holds
/// every frame up to the last flush, even if the process is killed (see SafeFile and docs/trace.md). A thread
/// of its own flushes. Thread-safe; frames are kept in the order of append().
class TraceWriter {
 public:
  /// Starts a new file; one of that name is replaced. Throws FileError.
  static std::unique_ptr<TraceWriter> create(const std::filesystem::path& file, const TraceMetadata& metadata,
                                             const TraceWriterOptions& options = {});

  /// Goes on after the last whole frame of a trace, closed or not. Throws FileError if it is none.
  /// Check metadata() for whether it is the same run's: nothing of it is changed. `keep`: go on after so many
  /// frames; those beyond are dropped.
  static std::unique_ptr<TraceWriter> append_to(const std::filesystem::path& file,
                                                const TraceWriterOptions& options = {},
                                                std::optional<std::int64_t> keep = {});

  /// Closes the file; what then goes wrong is lost. Call close() to know.
  virtual ~TraceWriter() = default;

  virtual const TraceMetadata& metadata() const = 0;

  /// Keeps a frame: flushed within `flush_every`. Throws FileError if the frame does not fit the metadata
  /// (layers, feature sizes; the trace stays good), or if an earlier write failed (disk full: the file then
  /// holds what was flushed before, and nothing more is accepted).
  virtual void append(const FrameRecord& record, const TraceFrame& frame = {}) = 0;

  /// Frames in the trace, those that wait included.
  virtual std::int64_t frames() const = 0;

  /// Writes what waits. Throws FileError.
  virtual void flush() = 0;

  /// Writes what waits and closes. Throws FileError. Afterwards append() throws.
  virtual void close() = 0;
};

}  // namespace deer
