// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "core/exits/engine.h"
#include "core/study/study.h"

namespace deer {

class TraceReader;

struct StudyOptions {
  std::string where = {};               ///< expression over the values of a frame; empty: no filter
  std::filesystem::path baseline = {};  ///< policy to count flips against, as read_policy() reads it; empty: none
  std::optional<ExitPolicy> baseline_policy = {};  ///< likewise, already read
  std::string baseline_name = {};                  ///< its name in Study::baseline
  std::filesystem::path model = {};                ///< to replay the baseline with, if it is not where the traces say
  EngineOptions engine = {};
  std::size_t most_matches = 100'000;  ///< kept; all are counted
};

/// Frames done, and frames of the trace. Called on the thread that studies.
using StudyProgress = std::function<void(std::int64_t done, std::int64_t total)>;

/// Studies traces one after another, frame by frame: of a trace in memory are a block of frames, and with a baseline
/// four bytes a frame. Not thread-safe.
class StudyBuilder {
 public:
  explicit StudyBuilder(StudyOptions options);
  ~StudyBuilder();
  StudyBuilder(const StudyBuilder&) = delete;
  StudyBuilder& operator=(const StudyBuilder&) = delete;

  /// Adds the episodes of a trace, or those that it has now and had not the last time. An episode of the data that
  /// another trace holds under the same policy counts once (Study::repeated). `finished`: nothing is added to the file
  /// any more; otherwise its last episode, which may grow, waits for the next call. Throws FileError if the
  /// trace cannot be read, holds no frames, or is of another model; ExpressionError if the filter is invalid;
  /// Cancelled. After an exception the study holds the episodes before it.
  void add(const std::filesystem::path& file, bool finished = true, const StudyProgress& progress = {},
           const std::stop_token& stop = {});

  const Study& study() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deer
