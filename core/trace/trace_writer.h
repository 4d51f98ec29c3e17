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
  /// Maximum delay until an appended frame is in the file.
  std::chrono::milliseconds flush_every{1000};
  /// Waiting frames are written earlier beyond this many bytes.
  std::size_t buffer_bytes = std::size_t{32} << 20;
};

/// Writes the trace of a run. The file can be opened at any time, here and with any HDF5 program, and holds every frame
/// up to the last flush, even if the process is killed (see SafeFile and docs/trace.md). Flushes on its own thread.
/// Thread-safe; frames are stored in the order of append().
class TraceWriter {
 public:
  /// Starts a new file, replacing an existing one. Throws FileError, also if another program is writing it.
  static std::unique_ptr<TraceWriter> create(const std::filesystem::path& file, const TraceMetadata& metadata,
                                             const TraceWriterOptions& options = {});

  /// Continues after the last complete frame of a trace, closed or not. Throws FileError as create() does. Check
  /// metadata() to see whether it belongs to the same run: it is not changed. `keep`: continue after this many frames;
  /// later ones are discarded.
  static std::unique_ptr<TraceWriter> append_to(const std::filesystem::path& file,
                                                const TraceWriterOptions& options = {},
                                                std::optional<std::int64_t> keep = {});

  /// Closes the file, ignoring errors. Call close() to get them.
  virtual ~TraceWriter() = default;

  virtual const TraceMetadata& metadata() const = 0;

  /// Adds a frame, flushed within `flush_every`. Throws FileError if the frame does not match the metadata (layers,
  /// feature sizes; the trace stays valid), or if an earlier write failed (disk full: the file then holds what was
  /// flushed before, and accepts no more).
  virtual void append(const FrameRecord& record, const TraceFrame& frame = {}) = 0;

  /// Frames in the trace, including waiting ones.
  virtual std::int64_t frames() const = 0;

  /// Writes waiting frames. Throws FileError.
  virtual void flush() = 0;

  /// Writes waiting frames and closes. Throws FileError. Afterwards append() throws.
  virtual void close() = 0;
};

}  // namespace deer
