// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/episodes/lerobot/lerobot_stats.h"
#include "core/episodes/recording.h"

namespace deer {

inline constexpr std::int64_t kLerobotFilesAChunk = 1000;

/// What meta/ says of a dataset of v3.0. Data files and videos are counted alike from 0.
struct LerobotMeta {
  struct Camera {
    std::string name;
    int width = 0;
    int height = 0;
    std::string codec;  ///< of its videos; empty: pictures inside Parquet
  };
  struct Episode {
    std::int64_t length = 0;
    std::int64_t first = 0;  ///< of its frames in the dataset
    std::int64_t file = 0;
    double start_s = 0;              ///< in the videos of that file
    std::vector<std::string> tasks;  ///< UTF-8
    std::map<std::string, LerobotStats> stats;
  };
  struct Split {
    std::string name;
    std::int64_t first = 0;  ///< of its episodes; it ends where the next begins
  };

  std::string robot;
  double frames_per_second = 30;
  std::vector<RecordedSeries> series;
  std::vector<Camera> cameras;
  std::vector<std::string> tasks;  ///< UTF-8
  std::vector<Split> splits;
  std::vector<Episode> episodes;  ///< not empty; all have statistics of the same features
};

/// "chunk-000/file-012.parquet" for file 12.
std::string lerobot_file(std::int64_t file, const char* extension);

/// Writes info.json, tasks.parquet, stats.json and the table of episodes below `root`. Throws FileError.
void write_lerobot_meta(const std::filesystem::path& root, const LerobotMeta& meta);

}  // namespace deer
