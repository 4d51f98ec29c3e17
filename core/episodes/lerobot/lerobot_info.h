// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace deer {

/// meta/info.json of a LeRobot dataset.
struct LerobotInfo {
  struct Feature {
    std::string name;
    std::string dtype;  ///< "float32", "video", "image", …
    std::vector<std::int64_t> shape;
    std::vector<std::string> names;  ///< of the columns; empty if the dataset has none that fit
    bool is_depth = false;

    bool is_video() const { return dtype == "video"; }
    bool is_picture() const { return dtype == "video" || dtype == "image"; }
  };

  std::string version;  ///< "v2.1"
  int major = 0;        ///< 2 or 3
  std::string robot;
  double frames_per_second = 30;
  std::int64_t chunk_size = 1000;
  std::int64_t episodes = 0;
  std::string data_path;
  std::string video_path;
  std::vector<Feature> features;
};

/// Throws FileError, also for versions that are not read. `text` is JSON; columns keep its order.
LerobotInfo lerobot_info_from_text(std::string_view text, const std::filesystem::path& file);

/// What the names in a path template stand for.
struct LerobotPath {
  std::string video_key;
  std::int64_t episode = 0;
  std::int64_t chunk = 0;  ///< episode_chunk or chunk_index
  std::int64_t file = 0;
};

/// "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet" filled in. Throws Error for a template that is
/// unknown, or that leads out of the dataset's folder.
std::string lerobot_path(const std::string& pattern, const LerobotPath& values);

}  // namespace deer
