// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "core/episodes/episode_collection.h"
#include "core/episodes/recorded_source.h"

namespace deer {

/// An opened episode of a dataset with named cameras and series.
struct OpenedRecording {
  std::string title;
  std::filesystem::path path;
  std::unique_ptr<RecordingReader> reader;
  std::vector<InstructionSpan> instructions;
};

/// What a reader of a format finds when a dataset opens.
struct RecordingContents {
  std::string kind;
  std::filesystem::path path;
  RecordingSchema schema;
  double frames_per_second = 30;
  std::vector<EpisodeEntry> entries;
  std::vector<std::string> warnings;
  std::function<OpenedRecording(std::size_t)> open;  ///< called from any thread, with an index in `entries`
};

/// A dataset whose Mapping can be changed. Thread-safe.
class MappedDataset {
 public:
  virtual ~MappedDataset() = default;
  /// The first frame of an episode as it was recorded. Throws Error if `index` is out of range, FileError, Cancelled.
  virtual RecordedFrame first_frame(std::size_t index, const std::stop_token& stop) const = 0;
  /// The file that the mapping was read from; empty: it was guessed.
  virtual const std::filesystem::path& map_file() const = 0;
};

/// `data` as one; null if its mapping cannot be changed.
const MappedDataset* mapped_dataset(const EpisodeCollection* data);

/// A dataset with named cameras and series as episodes: a Mapping fills the observations.
class RecordingCollection final : public EpisodeCollection, public MappedDataset {
 public:
  /// Guesses the mapping, or reads it from options.map. Throws FileError for a map that does not fit.
  RecordingCollection(RecordingContents contents, const OpenSourceOptions& options);

  std::string kind() const override { return contents_.kind; }
  const std::filesystem::path& path() const override { return contents_.path; }
  const std::vector<EpisodeEntry>& episodes() const override { return contents_.entries; }
  const std::vector<std::string>& warnings() const override { return contents_.warnings; }
  const DatasetDescription* description() const override { return &description_; }
  FrameSourcePtr open(std::size_t index) const override;
  RecordedFrame first_frame(std::size_t index, const std::stop_token& stop) const override;
  const std::filesystem::path& map_file() const override { return map_file_; }

 private:
  OpenedRecording open_recording(std::size_t index) const;

  RecordingContents contents_;
  DatasetDescription description_;
  std::filesystem::path map_file_;
  CacheOptions cache_;
};

/// The picture with its rows in reverse order.
ImagePtr upside_down(const Image& image);

/// `problem` without the name of `file` that a FileError begins with, for a message that names it already.
std::string without_file(std::string problem, const std::filesystem::path& file);

/// What a source lacks for a model that sees a static and a gripper camera, in one line; empty: nothing.
std::string missing_cameras(const SourceInfo& info);

}  // namespace deer
