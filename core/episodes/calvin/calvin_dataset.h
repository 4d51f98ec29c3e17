// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/episodes/calvin/calvin_annotations.h"
#include "core/episodes/calvin/calvin_scene.h"
#include "core/episodes/calvin/calvin_statistics.h"
#include "core/episodes/calvin/camera_stretches.h"
#include "core/episodes/episode_collection.h"

namespace deer {

/// One split: a folder with frames, the index of its play segments and its annotations.
struct CalvinSplit {
  std::string name;  ///< "training", "validation"; the folder's name if it was opened directly
  std::filesystem::path path;
  int frame_digits = 7;  ///< in the names of its frames
  std::vector<FrameIds> segments;
  std::vector<CalvinAnnotation> annotations;
  CalvinStatistics statistics;
  std::vector<CalvinSceneFrames> scenes;  ///< of scene_info.npy; empty if there is none
  std::vector<CameraStretch> cameras;  ///< sorted; frames without one use statistics.cameras

  /// Of a frame: that of its scene, or else the one in the configuration, or else the standard one.
  CalvinBlockOrder block_order(std::int64_t frame_id) const;
};

/// A CALVIN dataset. Its episodes are, split by split, the language annotations in file order, then
/// the play segments. The source of an annotation carries its instruction for every frame; the one
/// of a play segment carries the spans of the annotations inside it (see instruction_spans).
class CalvinDataset final : public EpisodeCollection {
 public:
  /// True if `path` is a folder with an index, or with annotations in it or in lang_annotations/.
  static bool is_split(const std::filesystem::path& path);

  /// True if training/ or validation/ of `path` is a split.
  static bool is_dataset(const std::filesystem::path& path);

  /// Opens a dataset or a split. Reads only indices. A broken index or annotation file is a warning
  /// as long as something can be opened; otherwise throws FileError. With `frame_id`, the episodes
  /// that contain this frame come first.
  static std::shared_ptr<const CalvinDataset> open(const std::filesystem::path& path, const CacheOptions& cache,
                                                   std::optional<std::int64_t> frame_id = {});

  std::string kind() const override { return "CALVIN"; }
  const std::filesystem::path& path() const override { return path_; }
  const std::vector<EpisodeEntry>& episodes() const override { return episodes_; }
  const std::vector<std::string>& warnings() const override { return warnings_; }
  FrameSourcePtr open(std::size_t index) const override;

  const std::vector<CalvinSplit>& splits() const { return splits_; }

 private:
  CalvinDataset() = default;
  void add_split(const std::filesystem::path& path, std::string name);
  void list_episodes(std::optional<std::int64_t> frame_id);

  std::filesystem::path path_;
  CacheOptions cache_{};
  std::vector<CalvinSplit> splits_;
  std::vector<EpisodeEntry> episodes_;
  std::vector<std::size_t> split_of_;  // for each episode
  std::vector<std::string> warnings_;
};

/// A single frame file outside a split, as an episode of one frame.
std::shared_ptr<const EpisodeCollection> open_calvin_frame(const std::filesystem::path& file,
                                                           const CacheOptions& cache);

}  // namespace deer
