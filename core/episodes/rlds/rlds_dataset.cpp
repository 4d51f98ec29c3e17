// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/rlds/rlds_dataset.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/base/lfs_pointer.h"
#include "core/base/utf8.h"
#include "core/episodes/media/media_files.h"
#include "core/episodes/recording_collection.h"
#include "core/episodes/rlds/rlds_reader.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kRldsLengthsRead = 500;  // episodes: their lengths are inside the records
constexpr std::size_t kMaxShards = 100'000;
constexpr std::size_t kMaxRldsEpisodes = 5'000'000;
constexpr const char* kMarker = ".tfrecord";

// Control rates that the datasets' authors publish; the files have none.
double rate_of(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, double>, 4> kKnown = {
      {{"bridge", 5}, {"fractal", 3}, {"droid", 15}, {"libero", 20}}};
  for (const auto& [part, rate] : kKnown) {
    if (name.find(part) != std::string::npos) return rate;
  }
  return 10;
}

struct Shard {
  fs::path path;
  std::string split;
};

// The records of a shard, found when they are first needed.
class ShardFile {
 public:
  explicit ShardFile(fs::path path) : path_(std::move(path)) {}

  std::pair<std::shared_ptr<const MappedFile>, TfRecord> record(std::size_t number) {
    const std::lock_guard lock(mutex_);
    load();
    const auto& records = found_.records;
    if (number >= records.size()) {
      throw FileError(path_, "has " + std::to_string(records.size()) + " records, expected record " +
                                 std::to_string(number) + ", as dataset_info.json says" +
                                 (found_.damage.empty() ? "" : "; " + found_.damage));
    }
    return {file_, records[number]};
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    load();
    return found_.records.size();
  }
  /// Once count() was asked for.
  std::string damage() {
    const std::lock_guard lock(mutex_);
    return found_.damage;
  }

 private:
  void load() {
    if (file_) return;
    refuse_lfs_pointer(path_);
    const auto file = MappedFile::open(path_);
    found_ = scan_tf_records(*file);
    file_ = file;
  }

  const fs::path path_;
  std::mutex mutex_;
  std::shared_ptr<const MappedFile> file_;
  TfRecords found_;
};

struct RldsContents {
  struct Place {
    std::size_t shard = 0;
    std::size_t record = 0;
  };
  std::vector<std::unique_ptr<ShardFile>> shards;
  std::vector<Place> places;
  RldsSchema schema;
  double rate = 10;

  std::unique_ptr<RldsReader> open(std::size_t index) const {
    const auto& place = places[index];
    const auto [file, record] = shards[place.shard]->record(place.record);
    return std::make_unique<RldsReader>(file, record, schema, rate);
  }
};

// "name-split.tfrecord-00000-of-00001"
std::vector<Shard> list_shards(const fs::path& folder) {
  std::vector<Shard> out;
  std::error_code error;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::end(it) && out.size() < kMaxShards;
       it.increment(error)) {
    const auto name = it->path().filename().string();
    const auto at = name.find(kMarker);
    if (at == std::string::npos) continue;
    const auto before = name.substr(0, at);
    const auto dash = before.rfind('-');
    out.push_back({it->path(), dash == std::string::npos ? before : before.substr(dash + 1)});
  }
  if (error) throw FileError(folder, "cannot list the folder: " + error.message());
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return natural_less(a.path.filename().native(), b.path.filename().native());
  });
  return out;
}

// Records of each shard of each split, as dataset_info.json has them.
std::map<std::string, std::vector<std::int64_t>> shard_lengths(const Json& info) {
  std::map<std::string, std::vector<std::int64_t>> out;
  const auto splits = info.find("splits");
  if (splits == info.end() || !splits->is_array()) return out;
  for (const auto& split : *splits) {
    if (!split.is_object() || !split.contains("name") || !split["name"].is_string()) continue;
    const auto lengths = split.find("shardLengths");
    if (lengths == split.end() || !lengths->is_array()) continue;
    auto& list = out[split["name"].get<std::string>()];
    for (const auto& item : *lengths) {
      std::int64_t value = -1;
      if (item.is_number_integer()) value = item.get<std::int64_t>();
      if (item.is_string()) {
        const auto text = item.get<std::string>();
        std::from_chars(text.data(), text.data() + text.size(), value);
      }
      list.push_back(value);
    }
  }
  return out;
}

// The number in "-00003-of-00010"; empty for other names.
std::optional<std::size_t> shard_number(const fs::path& path) {
  const auto name = path.filename().string();
  const auto of = name.rfind("-of-");
  const auto dash = of == std::string::npos || of == 0 ? std::string::npos : name.rfind('-', of - 1);
  if (dash == std::string::npos) return std::nullopt;
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(name.data() + dash + 1, name.data() + of, value);
  if (error != std::errc{} || end != name.data() + of) return std::nullopt;
  return value;
}

bool is_rlds_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path / "dataset_info.json", error) && fs::is_regular_file(path / "features.json", error);
}

}  // namespace

std::optional<fs::path> find_rlds(const fs::path& path) {
  if (is_rlds_folder(path)) return path;
  std::optional<fs::path> best;
  std::error_code error;
  std::size_t seen = 0;
  for (auto it = fs::directory_iterator(path, error); !error && it != fs::end(it) && seen < 1000; it.increment(error)) {
    ++seen;
    const auto name = it->path().filename().string();
    if (name.empty() || name[0] < '0' || name[0] > '9' || !is_rlds_folder(it->path())) continue;
    if (!best || natural_less(best->filename().native(), name)) best = it->path();
  }
  return best;
}

std::shared_ptr<const EpisodeCollection> open_rlds(const fs::path& folder, const OpenSourceOptions& options) {
  refuse_lfs_pointer(folder / "dataset_info.json");
  refuse_lfs_pointer(folder / "features.json");
  const auto info = read_json(folder / "dataset_info.json");
  const JsonFields fields(folder / "dataset_info.json", info);
  const auto name = printable(fields.text("name", ""), 200);
  const auto format = fields.text("fileFormat", "tfrecord");
  if (format != "tfrecord") fields.fail("fileFormat", "tfrecord");
  const auto features = rlds_features_from_json(read_json(folder / "features.json"), folder / "features.json");

  RecordingContents contents;
  contents.kind = "RLDS";
  contents.path = folder;
  auto all = std::make_shared<RldsContents>();
  all->schema = rlds_schema(features);
  all->schema.schema.robot = name;
  all->rate = rate_of(name);
  contents.schema = all->schema.schema;
  contents.frames_per_second = all->rate;
  if (!features.left_out.empty()) {
    std::string names;
    for (std::size_t i = 0; i < features.left_out.size() && i < 6; ++i)
      names += (i > 0 ? ", " : "") + printable(features.left_out[i]);
    contents.warnings.push_back(FileError(folder / "features.json", "these are not shown: " + names).what());
  }

  const auto shards = list_shards(folder);
  const auto lengths = shard_lengths(info);
  std::map<std::string, std::size_t> files_of;
  for (const auto& shard : shards) ++files_of[shard.split];
  for (const auto& [split, list] : lengths) {
    const auto found = files_of.contains(split) ? files_of[split] : 0;
    if (found < list.size()) {
      contents.warnings.push_back(FileError(folder, "has " + std::to_string(found) + " of " +
                                                        std::to_string(list.size()) + " TFRecord files of its split '" +
                                                        printable(split) + "'")
                                      .what());
    }
  }
  for (const auto& shard : shards) {
    all->shards.push_back(std::make_unique<ShardFile>(shard.path));
    try {
      const auto number = shard_number(shard.path);
      const auto list = lengths.find(shard.split);
      const bool known = number && list != lengths.end() && *number < list->second.size() && list->second[*number] >= 0;
      // What is read anyway tells how many there really are.
      const bool read = contents.entries.size() < kRldsLengthsRead || !known;
      const auto count = read ? all->shards.back()->count() : static_cast<std::size_t>(list->second[*number]);
      if (read) refuse_lfs_pointer(shard.path);
      const auto damage = read ? all->shards.back()->damage() : std::string();
      if (!damage.empty()) {
        contents.warnings.push_back(FileError(shard.path, damage + (count == 1 ? "; the record before it is used"
                                                                               : "; the " + std::to_string(count) +
                                                                                     " records before it are used"))
                                        .what());
      } else if (read && known && count != static_cast<std::size_t>(list->second[*number])) {
        contents.warnings.push_back(FileError(shard.path, "has " + std::to_string(count) +
                                                              " records, dataset_info.json says " +
                                                              std::to_string(list->second[*number]))
                                        .what());
      }
      for (std::size_t i = 0; i < count && contents.entries.size() < kMaxRldsEpisodes; ++i) {
        all->places.push_back({all->shards.size() - 1, i});
        EpisodeEntry entry;
        entry.split = valid_utf8(shard.split);
        entry.title = "episode " + std::to_string(i);
        entry.last_frame_id = -1;
        entry.length_known = false;
        contents.entries.push_back(std::move(entry));
      }
    } catch (const Error& problem) {
      contents.warnings.push_back(problem.what());
    }
  }
  std::map<std::string, std::size_t> counted;
  for (std::size_t i = 0; i < contents.entries.size(); ++i) {
    auto& entry = contents.entries[i];
    entry.title = "episode " + std::to_string(counted[entry.split]++);
    if (i >= kRldsLengthsRead) continue;
    try {
      const auto reader = all->open(i);
      entry.last_frame_id = reader->length() - 1;
      entry.length_known = true;
      if (!reader->instructions().empty()) {
        entry.kind = EpisodeEntry::Kind::language_annotation;
        entry.title += ": " + reader->instructions().front().instruction;
      }
    } catch (const Error& problem) {
      // Listed without a length: opening it says what is wrong with it.
      if (contents.warnings.size() < 100) contents.warnings.push_back(problem.what());
    }
  }
  contents.open = [all, folder, name, entries = contents.entries](std::size_t index) {
    auto reader = all->open(index);
    OpenedRecording out;
    out.title = (name.empty() ? printable(folder.filename().string(), 300) : name) + ", " + entries[index].split +
                ", " + entries[index].title.substr(0, entries[index].title.find(':'));
    out.path = folder;
    out.instructions = reader->instructions();
    out.reader = std::move(reader);
    return out;
  };
  return std::make_shared<RecordingCollection>(std::move(contents), options);
}

}  // namespace deer
