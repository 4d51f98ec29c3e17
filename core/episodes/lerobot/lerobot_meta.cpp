// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/lerobot/lerobot_meta.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "core/base/atomic_file.h"
#include "core/base/json_file.h"
#include "core/base/utf8.h"
#include "core/episodes/lerobot/parquet_writer.h"

namespace deer {
namespace {

using RowType = ParquetRows::Type;

// The table's index is the text of the task.
constexpr const char* kTasksForPandas =
    R"({"index_columns": ["__index_level_0__"], "column_indexes": [{"name": null, "field_name": null, )"
    R"("pandas_type": "unicode", "numpy_type": "object", "metadata": {"encoding": "UTF-8"}}], "columns": [)"
    R"({"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64", )"
    R"("metadata": null}, {"name": null, "field_name": "__index_level_0__", "pandas_type": "unicode", )"
    R"("numpy_type": "object", "metadata": null}], "creator": {"library": "deerscope", "version": "1"}, )"
    R"("pandas_version": "2.0.0"})";

class EpisodeTable {
 public:
  explicit EpisodeTable(const LerobotMeta& meta) : meta_(meta) {}

  template <typename Value>
  void number(std::string name, Value value, RowType type = RowType::integer) {
    ParquetRows out{std::move(name), type, 1, {}, {}, {}};
    for (std::size_t i = 0; i < meta_.episodes.size(); ++i) {
      out.numbers.push_back(static_cast<double>(value(meta_.episodes[i], i)));
    }
    columns_.push_back(std::move(out));
  }

  void tasks() {
    ParquetRows out{"tasks", RowType::texts, 1, {}, {}, {}};
    for (const auto& one : meta_.episodes) {
      out.text.insert(out.text.end(), one.tasks.begin(), one.tasks.end());
      out.text_count.push_back(one.tasks.size());
    }
    columns_.push_back(std::move(out));
  }

  void stats(const std::string& feature, bool picture) {
    const auto add = [&](const std::string& name, auto part) {
      ParquetRows out{"stats/" + feature + "/" + name, picture ? RowType::channels : RowType::reals, 0, {}, {}, {}};
      for (const auto& one : meta_.episodes) {
        const std::vector<double>& numbers = part(one.stats.at(feature));
        out.width = numbers.size();
        out.numbers.insert(out.numbers.end(), numbers.begin(), numbers.end());
      }
      columns_.push_back(std::move(out));
    };
    add("min", [](const LerobotStats& one) { return one.min; });
    add("max", [](const LerobotStats& one) { return one.max; });
    add("mean", [](const LerobotStats& one) { return one.mean; });
    add("std", [](const LerobotStats& one) { return one.deviation; });
    number(
        "stats/" + feature + "/count",
        [&](const LerobotMeta::Episode& one, std::size_t) { return one.stats.at(feature).count; }, RowType::integers);
    for (std::size_t q = 0; q < LerobotStats::kQuantileNames.size(); ++q) {
      add(LerobotStats::kQuantileNames[q], [q](const LerobotStats& one) { return one.quantiles[q]; });
    }
  }

  const std::vector<ParquetRows>& columns() const { return columns_; }

 private:
  const LerobotMeta& meta_;
  std::vector<ParquetRows> columns_;
};

const LerobotMeta::Camera* camera_of(const LerobotMeta& meta, const std::string& feature) {
  const auto found = std::find_if(meta.cameras.begin(), meta.cameras.end(),
                                  [&](const LerobotMeta::Camera& one) { return one.name == feature; });
  return found == meta.cameras.end() ? nullptr : &*found;
}

void write_episode_table(const std::filesystem::path& file, const LerobotMeta& meta) {
  using Episode = LerobotMeta::Episode;
  const auto chunk = [](const Episode& one, std::size_t) { return one.file / kLerobotFilesAChunk; };
  const auto place = [](const Episode& one, std::size_t) { return one.file % kLerobotFilesAChunk; };
  EpisodeTable table(meta);
  table.number("episode_index", [](const Episode&, std::size_t i) { return i; });
  table.tasks();
  table.number("length", [](const Episode& one, std::size_t) { return one.length; });
  table.number("data/chunk_index", chunk);
  table.number("data/file_index", place);
  table.number("dataset_from_index", [](const Episode& one, std::size_t) { return one.first; });
  table.number("dataset_to_index", [](const Episode& one, std::size_t) { return one.first + one.length; });
  for (const auto& camera : meta.cameras) {
    if (camera.codec.empty()) continue;
    const auto prefix = "videos/" + camera.name + "/";
    table.number(prefix + "chunk_index", chunk);
    table.number(prefix + "file_index", place);
    table.number(
        prefix + "from_timestamp", [](const Episode& one, std::size_t) { return one.start_s; }, RowType::real);
    table.number(
        prefix + "to_timestamp",
        [&](const Episode& one, std::size_t) {
          return one.start_s + static_cast<double>(one.length) / meta.frames_per_second;
        },
        RowType::real);
  }
  for (const auto& [feature, stats] : meta.episodes.front().stats) {
    table.stats(feature, camera_of(meta, feature) != nullptr);
  }
  table.number("meta/episodes/chunk_index", [](const Episode&, std::size_t) { return 0; });
  table.number("meta/episodes/file_index", [](const Episode&, std::size_t) { return 0; });
  ParquetWriter out(file);
  out.write(table.columns(), meta.episodes.size());
  out.close();
}

void write_task_table(const std::filesystem::path& file, const LerobotMeta& meta) {
  ParquetRows numbers{"task_index", RowType::integer, 1, {}, {}, {}};
  for (std::size_t i = 0; i < meta.tasks.size(); ++i) numbers.numbers.push_back(static_cast<double>(i));
  ParquetWriter out(file, kTasksForPandas);
  out.write({std::move(numbers), {"__index_level_0__", RowType::text, 1, {}, meta.tasks, {}}}, meta.tasks.size());
  out.close();
}

Json feature_json(const char* dtype, Json shape, Json names) {
  return {{"dtype", dtype}, {"shape", std::move(shape)}, {"names", std::move(names)}};
}

Json features_json(const LerobotMeta& meta) {
  Json out = Json::object();
  for (const auto& series : meta.series) {
    Json names = Json::array();
    for (std::size_t i = 0; i < series.columns.size(); ++i) {
      const auto& name = series.columns[i];
      names.push_back(valid_utf8(name.empty() ? series.name + "_" + std::to_string(i) : name));
    }
    out[series.name] = feature_json("float32", Json::array({series.columns.size()}), std::move(names));
  }
  for (const auto& camera : meta.cameras) {
    const bool video = !camera.codec.empty();
    auto feature = feature_json(video ? "video" : "image", Json::array({camera.height, camera.width, 3}),
                                Json::array({"height", "width", "channels"}));
    if (video) {
      feature["info"] = {{"video.height", camera.height}, {"video.width", camera.width},
                         {"video.codec", camera.codec},   {"video.pix_fmt", "yuv420p"},
                         {"video.is_depth_map", false},   {"video.fps", meta.frames_per_second},
                         {"video.channels", 3},           {"has_audio", false}};
    }
    out[camera.name] = std::move(feature);
  }
  out["timestamp"] = feature_json("float32", Json::array({1}), nullptr);
  for (const char* name : {"frame_index", "episode_index", "index", "task_index"}) {
    out[name] = feature_json("int64", Json::array({1}), nullptr);
  }
  return out;
}

Json info_json(const LerobotMeta& meta) {
  const auto episodes = static_cast<std::int64_t>(meta.episodes.size());
  Json splits = Json::object();
  for (std::size_t i = 0; i < meta.splits.size(); ++i) {
    const auto end = i + 1 < meta.splits.size() ? meta.splits[i + 1].first : episodes;
    if (end > meta.splits[i].first) {
      splits[meta.splits[i].name] = std::to_string(meta.splits[i].first) + ":" + std::to_string(end);
    }
  }
  const bool videos = std::any_of(meta.cameras.begin(), meta.cameras.end(),
                                  [](const LerobotMeta::Camera& one) { return !one.codec.empty(); });
  const auto whole = static_cast<std::int64_t>(std::llround(meta.frames_per_second));
  const bool is_whole = meta.frames_per_second == static_cast<double>(whole);
  return {{"codebase_version", "v3.0"},
          {"robot_type", valid_utf8(meta.robot.empty() ? "unknown" : meta.robot)},
          {"total_episodes", episodes},
          {"total_frames", meta.episodes.back().first + meta.episodes.back().length},
          {"total_tasks", meta.tasks.size()},
          {"chunks_size", kLerobotFilesAChunk},
          {"data_files_size_in_mb", 100},
          {"video_files_size_in_mb", 500},
          {"fps", is_whole ? Json(whole) : Json(meta.frames_per_second)},
          {"splits", std::move(splits)},
          {"data_path", "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"},
          {"video_path",
           videos ? Json("videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4") : Json(nullptr)},
          {"features", features_json(meta)}};
}

}  // namespace

std::string lerobot_file(std::int64_t file, const char* extension) {
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "chunk-%03lld/file-%03lld.%s",
                static_cast<long long>(file / kLerobotFilesAChunk), static_cast<long long>(file % kLerobotFilesAChunk),
                extension);
  return text.data();
}

void write_lerobot_meta(const std::filesystem::path& root, const LerobotMeta& meta) {
  const auto folder = root / "meta";
  write_task_table(folder / "tasks.parquet", meta);
  write_episode_table(folder / "episodes" / lerobot_file(0, "parquet"), meta);
  std::map<std::string, LerobotStats> all;
  for (const auto& episode : meta.episodes) {
    for (const auto& [feature, stats] : episode.stats) all[feature].add(stats);
  }
  Json stats = Json::object();
  for (const auto& [feature, one] : all) stats[feature] = lerobot_stats_json(one, camera_of(meta, feature) != nullptr);
  write_file_atomically(folder / "stats.json", stats.dump(2) + "\n");
  // Last: with it the folder is a dataset.
  write_file_atomically(folder / "info.json", info_json(meta).dump(2) + "\n");
}

}  // namespace deer
