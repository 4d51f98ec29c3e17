// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/hdf5/hdf5_dataset.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/episodes/hdf5/hdf5_layout.h"
#include "core/episodes/media/media_files.h"
#include "core/episodes/media/thumbnail.h"
#include "core/episodes/recording_collection.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxHdf5Files = 200'000;
constexpr std::size_t kHdf5LengthsRead = 2000;  // episodes; those behind tell their length when they open
constexpr std::size_t kMaxHdf5Picture = std::size_t{256} << 20;       // bytes
constexpr std::uint64_t kMaxEpisodeNumbers = std::uint64_t{1} << 27;  // of an episode

struct EpisodePlace {
  std::size_t file = 0;
  std::string group;
};

// [height, width, channels] or [channels, height, width] as R G B.
ImagePtr hdf5_picture(const std::vector<std::uint8_t>& bytes, const Hdf5Array& array, Hdf5Pictures how) {
  const bool rows_first = how == Hdf5Pictures::rows_first;
  const auto height = static_cast<std::size_t>(array.shape[rows_first ? 1 : 2]);
  const auto width = static_cast<std::size_t>(array.shape[rows_first ? 2 : 3]);
  const auto channels = static_cast<std::size_t>(array.shape[rows_first ? 3 : 1]);
  auto image = std::make_shared<Image>();
  image->height = static_cast<int>(height);
  image->width = static_cast<int>(width);
  if (rows_first && channels == 3) {
    image->rgb = bytes;
    return image;
  }
  image->rgb.resize(height * width * 3);
  const auto pixels = height * width;
  for (std::size_t i = 0; i < pixels; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      const auto channel = channels == 1 ? 0 : c;
      image->rgb[i * 3 + c] = rows_first ? bytes[i * channels + channel] : bytes[channel * pixels + i];
    }
  }
  return image;
}

class Hdf5Reader final : public RecordingReader {
 public:
  // `wanted` is the schema of the dataset; what this episode lacks of it stays empty.
  Hdf5Reader(std::shared_ptr<const Hdf5File> file, std::string group, const RecordingSchema& wanted, double rate)
      : file_(std::move(file)), group_(std::move(group)), rate_(rate) {
    const auto fields = find_hdf5_fields(*file_, group_);
    frames_ = fields.frames;
    const auto place = [](const auto& list, const std::string& name) {
      const auto found = std::find_if(list.begin(), list.end(), [&](const auto& item) { return item.name == name; });
      return static_cast<std::size_t>(found - list.begin());
    };
    for (const auto& camera : wanted.cameras) {
      const auto at = place(fields.schema.cameras, camera.name);
      cameras_.push_back(at < fields.cameras.size() ? fields.cameras[at] : Hdf5Fields::Field{});
    }
    std::uint64_t numbers = 0;
    for (const auto& series : wanted.series) {
      const auto at = place(fields.schema.series, series.name);
      auto& values = series_.emplace_back();
      if (at == fields.series.size() || fields.schema.series[at].columns.size() != series.columns.size()) continue;
      numbers += static_cast<std::uint64_t>(frames_) * series.columns.size();
      if (numbers > kMaxEpisodeNumbers) {
        throw FileError(file_->path(), "'" + printable(group_) + "' has too many numbers to be shown");
      }
      values = file_->numbers(path_of(fields.series[at]), 0, static_cast<std::uint64_t>(frames_));
    }
  }

  std::int64_t length() const override { return frames_; }

  RecordedFrame load(std::int64_t index, const std::stop_token& stop) override {
    auto out = load_series(index);
    for (const auto& camera : cameras_) {
      if (stop.stop_requested()) throw Cancelled();
      out.pictures.push_back(camera.path.empty() ? nullptr : picture(camera, static_cast<std::uint64_t>(index)));
    }
    return out;
  }
  RecordedFrame load_series(std::int64_t index) override {
    RecordedFrame out;
    out.frame_id = index;
    out.timestamp_s = static_cast<double>(index) / rate_;
    for (const auto& values : series_) {
      const auto width = values.size() / static_cast<std::size_t>(frames_);
      const auto* const row = values.data() + static_cast<std::size_t>(index) * width;
      out.series.emplace_back(row, row + width);
    }
    return out;
  }

 private:
  std::string path_of(const Hdf5Fields::Field& field) const {
    return group_.ends_with('/') ? group_ + field.path : group_ + "/" + field.path;
  }

  ImagePtr picture(const Hdf5Fields::Field& camera, std::uint64_t index) const {
    const auto name = path_of(camera);
    const auto bytes = file_->bytes(name, index, kMaxHdf5Picture);
    if (camera.pictures != Hdf5Pictures::encoded)
      return hdf5_picture(bytes, file_->array(name).value(), camera.pictures);
    try {
      return decode_picture(std::as_bytes(std::span(bytes)));
    } catch (const Error& error) {
      throw FileError(file_->path(), "'" + printable(name) + "' row " + std::to_string(index) + " " + error.what());
    }
  }

  const std::shared_ptr<const Hdf5File> file_;
  const std::string group_;
  const double rate_;
  std::int64_t frames_ = 0;
  std::vector<Hdf5Fields::Field> cameras_;   // an empty path: not in this episode
  std::vector<std::vector<double>> series_;  // [frames * columns]
};

std::string hdf5_episode_name(const fs::path& file, const std::string& group) {
  return printable(group == "/" ? file.stem().string() : group.substr(group.rfind('/') + 1), 300);
}

// Everything that a collection is opened from, shared by its episodes.
struct Hdf5Contents {
  std::vector<fs::path> files;
  std::vector<EpisodePlace> places;
  std::vector<std::string> instructions;  // of each file
  RecordingSchema schema;
  double rate = 20;
  std::shared_ptr<const Hdf5File> only;  // of a single file, kept open
};

class Hdf5Scan {
 public:
  explicit Hdf5Scan(const fs::path& path) : path_(path), shared_(std::make_shared<Hdf5Contents>()) {}

  void add_file(const fs::path& path, bool alone) {
    const auto file = std::make_shared<const Hdf5File>(path);
    const auto found = find_hdf5_episodes(*file);
    if (alone) shared_->only = file;
    const auto number = shared_->files.size();
    shared_->files.push_back(path);
    shared_->instructions.push_back(found.instruction);
    if (!facts_) {
      facts_ = found;
      shared_->rate = found.frames_per_second;
    } else if (found.kind != facts_->kind) {
      warnings_.push_back(
          FileError(path, "is " + found.kind + ", unlike the first file (" + facts_->kind + ")").what());
    }
    for (const auto& group : found.groups) add_episode(*file, number, group);
  }

  // A file of a folder that need not be opened to know that it is one episode.
  void add_unread(const fs::path& path) {
    add_entry({shared_->files.size(), "/"}, hdf5_episode_name(path, "/"), {}, std::nullopt);
    shared_->files.push_back(path);
    shared_->instructions.emplace_back();
  }

  void skip(const std::string& problem) { warnings_.push_back(problem); }
  bool one_episode_each() const { return facts_ && facts_->groups.size() == 1 && facts_->groups[0] == "/"; }
  std::size_t episodes() const { return entries_.size(); }

  std::shared_ptr<const EpisodeCollection> finish(const OpenSourceOptions& options) {
    if (skipped_ > 0) {
      const auto first = without_file(first_skipped_, path_);
      warnings_.push_back(
          FileError(path_, skipped_ == 1 ? "1 episode cannot be opened: " + first
                                         : std::to_string(skipped_) + " episodes cannot be opened, the first: " + first)
              .what());
    }
    for (const auto& problem : refused_) warnings_.push_back(problem + "; it is not shown");
    if (!left_out_.empty()) {
      std::string names;
      std::size_t count = 0;
      for (const auto& name : left_out_) {
        if (++count > 6) break;
        names += (names.empty() ? "" : ", ") + printable(name);
      }
      warnings_.push_back(
          FileError(path_, "these are neither pictures nor one row of numbers a frame and are not shown: " + names +
                               (left_out_.size() > 6 ? ", …" : ""))
              .what());
    }
    RecordingContents contents;
    contents.kind = facts_ ? facts_->kind : "HDF5";
    contents.path = path_;
    contents.schema = shared_->schema;
    contents.frames_per_second = shared_->rate;
    contents.entries = std::move(entries_);
    contents.warnings = std::move(warnings_);
    contents.open = [all = std::shared_ptr<const Hdf5Contents>(shared_)](std::size_t index) {
      const auto& place = all->places[index];
      const auto& path = all->files[place.file];
      const auto file = all->only ? all->only : std::make_shared<const Hdf5File>(path);
      auto instruction = hdf5_instruction(*file, place.group);
      if (instruction.empty()) instruction = all->instructions[place.file];
      OpenedRecording out;
      out.title = printable(path.filename().string(), 300) +
                  (place.group == "/" ? "" : ", " + hdf5_episode_name(path, place.group));
      out.path = path;
      out.reader = std::make_unique<Hdf5Reader>(file, place.group, all->schema, all->rate);
      if (!instruction.empty()) out.instructions = {{0, out.reader->length() - 1, instruction, {}}};
      return out;
    };
    return std::make_shared<RecordingCollection>(std::move(contents), options);
  }

 private:
  void add_episode(const Hdf5File& file, std::size_t number, const std::string& group) {
    const auto name = hdf5_episode_name(file.path(), group);
    try {
      if (shared_->schema.series.empty() && shared_->schema.cameras.empty()) take_schema(file, group);
      std::optional<std::int64_t> length;
      auto instruction = shared_->instructions[number];
      if (entries_.size() < kHdf5LengthsRead) {
        length = hdf5_length(file, group);
        if (*length == 0) throw FileError(file.path(), "'" + printable(group) + "' has no frames");
        if (auto own = hdf5_instruction(file, group); !own.empty()) instruction = std::move(own);
      }
      add_entry({number, group}, name, instruction, length);
    } catch (const Error& problem) {
      if (skipped_++ == 0) first_skipped_ = problem.what();
    }
  }

  void add_entry(EpisodePlace place, const std::string& name, const std::string& instruction,
                 std::optional<std::int64_t> length) {
    EpisodeEntry entry;
    entry.kind = instruction.empty() ? EpisodeEntry::Kind::whole : EpisodeEntry::Kind::language_annotation;
    entry.title = instruction.empty() ? name : name + ": " + instruction;
    entry.last_frame_id = length.value_or(0) - 1;
    entry.length_known = length.has_value();
    entries_.push_back(std::move(entry));
    shared_->places.push_back(std::move(place));
  }

  void take_schema(const Hdf5File& file, const std::string& group) {
    auto fields = find_hdf5_fields(file, group);
    fields.schema.robot = facts_->robot;
    fields.schema.relative_pose = facts_->relative_pose;
    for (auto& camera : fields.schema.cameras) camera.upside_down = facts_->upside_down;
    shared_->schema = std::move(fields.schema);
    left_out_.insert(fields.left_out.begin(), fields.left_out.end());
    refused_ = std::move(fields.refused);
  }

  fs::path path_;
  std::shared_ptr<Hdf5Contents> shared_;
  std::optional<Hdf5Episodes> facts_;  // of the first file
  std::vector<EpisodeEntry> entries_;
  std::vector<std::string> warnings_;
  std::set<std::string> left_out_;
  std::vector<std::string> refused_;
  std::size_t skipped_ = 0;
  std::string first_skipped_;
};

}  // namespace

std::vector<fs::path> list_hdf5(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> out;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::end(it) && out.size() < kMaxHdf5Files;
       it.increment(error)) {
    const auto extension = it->path().extension();
    if (extension == ".h5" || extension == ".hdf5") out.push_back(it->path());
  }
  if (error) throw FileError(folder, "cannot list the folder: " + error.message());
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return natural_less(a.filename().native(), b.filename().native()); });
  return out;
}

std::shared_ptr<const EpisodeCollection> open_hdf5(const fs::path& path, const OpenSourceOptions& options) {
  Hdf5Scan scan(path);
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    scan.add_file(path, true);
    return scan.finish(options);
  }
  for (const auto& file : list_hdf5(path)) {
    if (scan.one_episode_each() && scan.episodes() >= kHdf5LengthsRead) {
      scan.add_unread(file);
      continue;
    }
    try {
      scan.add_file(file, false);
    } catch (const Error& problem) {
      scan.skip(problem.what());
    }
  }
  return scan.finish(options);
}

}  // namespace deer
