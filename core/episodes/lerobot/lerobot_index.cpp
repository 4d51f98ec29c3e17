// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/lerobot/lerobot_index.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/base/json_file.h"
#include "core/base/lfs_pointer.h"
#include "core/base/mapped_file.h"
#include "core/episodes/lerobot/parquet_file.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxLerobotEpisodes = 5'000'000;
constexpr std::size_t kMaxLerobotFiles = 5'000'000;
constexpr std::int64_t kMaxLerobotFrames = std::int64_t{1} << 40;

// Passes each line that is not empty.
void for_each_line(std::string_view text, const std::function<void(std::string_view, std::size_t)>& take) {
  for (std::size_t at = 0, number = 1; at < text.size(); ++number) {
    const auto end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, end - at);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (!line.empty()) take(line, number);
    at = end + 1;
  }
}

std::string task_text(const Json& json) {
  std::string out;
  if (json.is_string()) return printable(json.get<std::string>(), 4000);
  if (!json.is_array()) return out;
  for (const auto& item : json) {
    if (item.is_string()) out += (out.empty() ? "" : "; ") + printable(item.get<std::string>(), 4000);
  }
  return out;
}

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.size()};
}

Json json_of_line(std::string_view line, std::size_t number, const fs::path& file) {
  try {
    return parse_json(line, file);
  } catch (const FileError&) {
    throw FileError(file, "line " + std::to_string(number) + " is not valid JSON: " + printable(line, 60));
  }
}

// Errors of the path templates name no file.
std::string filled_in(const LerobotIndex& index, const char* field, const std::string& pattern,
                      const LerobotPath& values) {
  try {
    return lerobot_path(pattern, values);
  } catch (const FileError&) {
    throw;
  } catch (const Error& problem) {
    throw FileError(index.root / "meta" / "info.json", "'" + std::string(field) + "': " + problem.what());
  }
}

void read_tasks(const fs::path& meta, LerobotIndex& out) {
  std::error_code error;
  if (const auto file = meta / "tasks.parquet"; fs::exists(file, error)) {
    const ParquetFile table(file);
    const auto numbers = table.numbers("task_index", 0, table.rows());
    // The text is the table's index, whose column pandas names so; others call it what it is.
    const char* column = table.find("task") != nullptr ? "task" : "__index_level_0__";
    const auto texts = table.texts(column, 0, table.rows());
    for (std::size_t i = 0; i < texts.size() && numbers.width == 1; ++i) {
      if (std::isfinite(numbers.values[i]) && std::abs(numbers.values[i]) < 1e15) {
        out.tasks[static_cast<std::int64_t>(numbers.values[i])] = texts[i];
      }
    }
  } else if (const auto lines = meta / "tasks.jsonl"; fs::exists(lines, error)) {
    refuse_lfs_pointer(lines);
    const auto mapped = MappedFile::open(lines);
    for_each_line(text_of(*mapped), [&](std::string_view line, std::size_t number) {
      const auto json = json_of_line(line, number, lines);
      const JsonFields fields(lines, json, "line " + std::to_string(number));
      out.tasks[fields.integer("task_index")] = task_text(json.value("task", Json()));
    });
  } else {
    throw FileError(meta, "has neither tasks.parquet nor tasks.jsonl: the episodes have no instructions");
  }
}

// A column of whole numbers in [0, most].
class Whole {
 public:
  Whole(const ParquetFile& file, const std::string& name, double most)
      : file_(file), name_(name), most_(most), read_(file.numbers(name, 0, file.rows())) {
    if (read_.width != 1 && file.rows() > 0) throw FileError(file.path(), "'" + printable(name) + "' is a list");
  }
  std::int64_t operator[](std::size_t i) const {
    const double value = read_.values[i];
    if (!(value >= 0 && value <= most_) || value != std::floor(value)) {
      throw FileError(file_.path(), "'" + printable(name_) + "' is " + std::to_string(value) + " in row " +
                                        std::to_string(i) + ", expected a whole number of 0 or more");
    }
    return static_cast<std::int64_t>(value);
  }

 private:
  const ParquetFile& file_;
  const std::string name_;
  const double most_;
  const ParquetNumbers read_;
};

void read_episode_table(const fs::path& path, LerobotIndex& out) {
  const ParquetFile table(path);
  constexpr double kMost = static_cast<double>(kMaxLerobotFrames);
  const auto rows = static_cast<std::size_t>(table.rows());
  if (rows > kMaxLerobotEpisodes - out.episodes.size()) throw FileError(path, "has too many episodes");
  if (rows == 0) return;
  const Whole index(table, "episode_index", kMost);
  const Whole length(table, "length", kMost);
  const Whole first(table, "dataset_from_index", kMost);
  const Whole chunk(table, "data/chunk_index", kMost);
  const Whole file(table, "data/file_index", kMost);
  std::vector<std::string> tasks(rows);
  if (const auto* column = table.find("tasks"); column != nullptr && column->kind == ParquetFile::Kind::text) {
    tasks = table.texts("tasks", 0, table.rows());
  }
  struct Camera {
    Whole chunk, file;
    ParquetNumbers start;
  };
  std::vector<std::optional<Camera>> cameras;
  for (const auto& feature : out.info.features) {
    if (!feature.is_video()) continue;
    const auto prefix = "videos/" + feature.name + "/";
    if (table.find(prefix + "chunk_index") == nullptr || table.find(prefix + "file_index") == nullptr ||
        table.find(prefix + "from_timestamp") == nullptr) {
      out.warnings.push_back(
          FileError(path, "does not say where the videos of '" + printable(feature.name) + "' are").what());
      cameras.emplace_back();
      continue;
    }
    cameras.emplace_back(Camera{Whole(table, prefix + "chunk_index", kMost), Whole(table, prefix + "file_index", kMost),
                                table.numbers(prefix + "from_timestamp", 0, table.rows())});
  }
  for (std::size_t i = 0; i < rows; ++i) {
    LerobotEpisode episode;
    episode.index = index[i];
    episode.length = length[i];
    episode.first = first[i];
    episode.chunk = chunk[i];
    episode.file = file[i];
    episode.task = std::move(tasks[i]);
    for (const auto& camera : cameras) {
      auto& video = episode.videos.emplace_back();
      video.chunk = video.file = -1;
      if (!camera || !std::isfinite(camera->start.values[i])) continue;
      video = {camera->chunk[i], camera->file[i], camera->start.values[i]};
    }
    out.episodes.push_back(std::move(episode));
  }
}

void read_episodes(const fs::path& meta, LerobotIndex& out) {
  std::error_code error;
  if (const auto lines = meta / "episodes.jsonl"; out.info.major == 2 && fs::exists(lines, error)) {
    refuse_lfs_pointer(lines);
    const auto mapped = MappedFile::open(lines);
    out.episodes = lerobot_episodes_from_lines(text_of(*mapped), out.info, lines);
    return;
  }
  const auto folder = meta / "episodes";
  std::vector<fs::path> tables;
  for (auto it = fs::recursive_directory_iterator(folder, error);
       !error && it != fs::end(it) && tables.size() < kMaxLerobotFiles; it.increment(error)) {
    if (it->path().extension() == ".parquet") tables.push_back(it->path());
  }
  if (tables.empty()) {
    throw FileError(meta,
                    "has no list of episodes: expected " +
                        std::string(out.info.major == 2 ? "episodes.jsonl" : "episodes/chunk-000/file-000.parquet"));
  }
  std::sort(tables.begin(), tables.end());
  for (const auto& table : tables) read_episode_table(table, out);
}

// Templates that name a folder which is not there, but a like one is.
void adapt_folder(const fs::path& root, std::string& pattern, std::vector<std::string>& warnings) {
  const auto slash = pattern.find('/');
  if (slash == std::string::npos) return;
  const auto folder = pattern.substr(0, slash);
  std::error_code error;
  if (fs::is_directory(root / folder, error)) return;
  const auto other = folder.ends_with('s') ? folder.substr(0, folder.size() - 1) : folder + "s";
  if (!fs::is_directory(root / other, error)) return;
  warnings.push_back(
      FileError(root, "info.json says " + printable(folder) + "/, the folder is called " + printable(other) + "/")
          .what());
  pattern = other + pattern.substr(slash);
}

void list_files(const std::string& pattern, LerobotIndex& out) {
  const auto folder = out.root / pattern.substr(0, pattern.find('/'));
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  const auto prefix = out.root.native().size() + (out.root.native().ends_with('/') ? 0 : 1);
  for (auto it = fs::recursive_directory_iterator(folder, options, error);
       !error && it != fs::end(it) && out.files.size() < kMaxLerobotFiles; it.increment(error)) {
    const auto& path = it->path().native();
    if (path.ends_with(".parquet") || path.ends_with(".mp4")) out.files.insert(path.substr(prefix));
  }
}

}  // namespace

std::string LerobotIndex::data_file(const LerobotEpisode& episode) const {
  return filled_in(*this, "data_path", info.data_path, {{}, episode.index, episode.chunk, episode.file});
}

std::string LerobotIndex::video_file(const LerobotEpisode& episode, const std::string& key, std::size_t camera) const {
  LerobotPath values{key, episode.index, episode.chunk, 0};
  if (info.major == 3) {
    if (camera >= episode.videos.size() || episode.videos[camera].chunk < 0) return {};
    values.chunk = episode.videos[camera].chunk;
    values.file = episode.videos[camera].file;
  }
  return filled_in(*this, "video_path", info.video_path, values);
}

std::vector<LerobotEpisode> lerobot_episodes_from_lines(std::string_view lines, const LerobotInfo& info,
                                                        const std::filesystem::path& file) {
  std::vector<LerobotEpisode> out;
  std::int64_t first = 0;
  for_each_line(lines, [&](std::string_view line, std::size_t number) {
    const auto json = json_of_line(line, number, file);
    const JsonFields fields(file, json, "line " + std::to_string(number));
    LerobotEpisode episode;
    episode.index = fields.integer_in("episode_index", 0, kMaxLerobotFrames);
    episode.length = fields.integer_in("length", 0, kMaxLerobotFrames);
    episode.first = first;
    episode.chunk = episode.index / info.chunk_size;
    episode.task = task_text(json.value("tasks", Json()));
    first += episode.length;
    if (out.size() >= kMaxLerobotEpisodes || first > kMaxLerobotFrames) throw FileError(file, "has too many episodes");
    out.push_back(std::move(episode));
  });
  return out;
}

bool is_lerobot(const fs::path& root) {
  std::error_code error;
  return fs::is_regular_file(root / "meta" / "info.json", error);
}

LerobotIndex read_lerobot_index(const fs::path& root) {
  LerobotIndex out;
  out.root = root;
  const auto meta = root / "meta";
  refuse_lfs_pointer(meta / "info.json");
  const auto info = MappedFile::open(meta / "info.json");
  if (info->size() == 0) throw FileError(meta / "info.json", "is empty, expected what describes a LeRobot dataset");
  out.info = lerobot_info_from_text(text_of(*info), meta / "info.json");
  adapt_folder(root, out.info.data_path, out.warnings);
  if (!out.info.video_path.empty()) adapt_folder(root, out.info.video_path, out.warnings);
  try {
    read_tasks(meta, out);
  } catch (const Error& problem) {
    if (!ParquetFile::is_available()) throw;
    out.warnings.push_back(problem.what());
  }
  read_episodes(meta, out);
  list_files(out.info.data_path, out);
  if (!out.info.video_path.empty()) list_files(out.info.video_path, out);
  return out;
}

}  // namespace deer
