// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/lerobot/lerobot_writer.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include "core/base/error.h"
#include "core/base/utf8.h"
#include "core/episodes/lerobot/lerobot_meta.h"
#include "core/episodes/lerobot/parquet_writer.h"
#include "core/episodes/media/picture_file.h"
#include "core/episodes/media/video_writer.h"

namespace deer {
namespace {

using WrittenType = ParquetRows::Type;

constexpr std::size_t kRowsAGroup = 2000;
constexpr std::int64_t kPicturesApart = 10;  // frames between those that statistics look at

ImagePtr black_picture(int width, int height) {
  auto out = std::make_shared<Image>();
  out->width = width;
  out->height = height;
  out->rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  return out;
}

bool fits_a_video(int width, int height) {
  const auto fits = [](int side) { return side >= 16 && side <= 8192 && side % 2 == 0; };
  return fits(width) && fits(height);
}

std::vector<double> counted(std::size_t rows, double begin, double step) {
  std::vector<double> out;
  for (std::size_t i = 0; i < rows; ++i) out.push_back(begin + step * static_cast<double>(i));
  return out;
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw FileError(folder, "cannot make the folder: " + error.message());
}

/// A camera whose pictures are written.
struct WrittenCamera {
  std::size_t place = 0;                // in the schema
  std::unique_ptr<VideoWriter> writer;  // of the file that is open
  std::vector<std::string> files;       // without a video: PNGs of the rows that wait
  ImagePtr last;
  PictureStats stats;  // of the episode
};

/// The episode that is open.
struct OpenEpisode {
  std::int64_t length = 0;
  std::size_t written_rows = 0;
  std::vector<std::string> tasks;
  std::vector<double> task_indices;
  std::vector<std::vector<double>> values;  // by series, row after row
};

}  // namespace

void make_lerobot_folder(const std::filesystem::path& root) {
  std::error_code error;
  const bool empty = std::filesystem::is_directory(root, error) && std::filesystem::is_empty(root, error);
  if (std::filesystem::exists(root, error) && !empty) {
    throw FileError(root, "is there already, expected a new or an empty folder for a LeRobot dataset");
  }
  make_folder(root / "meta");
  std::filesystem::remove(root / "meta", error);
}

class LerobotWriter::Private {
 public:
  std::filesystem::path root;
  RecordingSchema schema;
  LerobotWriterOptions options;
  LerobotMeta meta;
  bool prepared = false;
  std::vector<WrittenCamera> cameras;  // as meta.cameras
  std::int64_t file = 0;
  std::int64_t frames_in_file = 0;
  std::int64_t frames = 0;  // of ended episodes
  std::unique_ptr<ParquetWriter> data;
  OpenEpisode episode;

  double rate() const { return meta.frames_per_second; }

  void check() const {
    if (!(rate() > 0 && rate() <= 1000)) {
      throw Error("a LeRobot dataset needs a rate above 0 and at most 1000 frames a second");
    }
    for (const auto& series : schema.series) {
      if (series.columns.empty()) throw Error("the series '" + printable(series.name) + "' has no columns");
    }
    make_lerobot_folder(root);
    make_folder(root / "meta");
  }

  std::unique_ptr<VideoWriter> make_video(const LerobotMeta::Camera& camera) const {
    const auto path = root / "videos" / camera.name / lerobot_file(file, "mp4");
    make_folder(path.parent_path());
    return std::make_unique<VideoWriter>(path, VideoFormat{camera.width, camera.height, rate()});
  }

  void prepare(const RecordedFrame& frame) {
    prepared = true;
    for (std::size_t i = 0; i < schema.cameras.size(); ++i) {
      LerobotMeta::Camera camera{schema.cameras[i].name, schema.cameras[i].width, schema.cameras[i].height, {}};
      if (i < frame.pictures.size() && frame.pictures[i]) {
        camera.width = frame.pictures[i]->width;
        camera.height = frame.pictures[i]->height;
      }
      if (camera.width < 1 || camera.height < 1) continue;
      WrittenCamera written;
      written.place = i;
      if (options.videos && fits_a_video(camera.width, camera.height)) {
        try {
          written.writer = make_video(camera);
          camera.codec = written.writer->codec() == VideoCodec::h264 ? "h264" : "mpeg4";
        } catch (const FileError&) {
          // OpenCV has no encoder. A disk that is full or read-only says so with the next file.
        }
      }
      cameras.push_back(std::move(written));
      meta.cameras.push_back(std::move(camera));
    }
  }

  double task_index(const std::string& text) {
    const auto place = [](std::vector<std::string>& list, const std::string& one) {
      const auto found = std::find(list.begin(), list.end(), one);
      if (found != list.end()) return found - list.begin();
      list.push_back(one);
      return static_cast<std::ptrdiff_t>(list.size()) - 1;
    };
    const auto valid = valid_utf8(text);
    place(episode.tasks, valid);
    return static_cast<double>(place(meta.tasks, valid));
  }

  void check(const RecordedFrame& frame) const {
    for (std::size_t i = 0; i < schema.series.size() && i < frame.series.size(); ++i) {
      const auto width = schema.series[i].columns.size(), there = frame.series[i].size();
      if (there == 0 || there == width) continue;
      throw FrameMismatch("'" + printable(schema.series[i].name) + "' has " + std::to_string(there) +
                          " numbers, expected " + std::to_string(width));
    }
    for (std::size_t i = 0; i < cameras.size(); ++i) {
      const auto& camera = meta.cameras[i];
      if (cameras[i].place >= frame.pictures.size() || !frame.pictures[cameras[i].place]) continue;
      const auto& picture = *frame.pictures[cameras[i].place];
      if (picture.width == camera.width && picture.height == camera.height) continue;
      throw FrameMismatch("a picture of '" + printable(camera.name) + "' has " + std::to_string(picture.width) + " x " +
                          std::to_string(picture.height) + " pixels, the earlier ones " + std::to_string(camera.width) +
                          " x " + std::to_string(camera.height));
    }
  }

  void add_pictures(const RecordedFrame& frame) {
    for (std::size_t i = 0; i < cameras.size(); ++i) {
      auto& camera = cameras[i];
      const auto& facts = meta.cameras[i];
      auto picture = camera.place < frame.pictures.size() ? frame.pictures[camera.place] : nullptr;
      if (!picture) picture = camera.last ? camera.last : black_picture(facts.width, facts.height);
      if (facts.codec.empty()) {
        camera.files.push_back(png_file(*picture));
      } else {
        if (!camera.writer) camera.writer = make_video(facts);
        camera.writer->write(*picture);
      }
      if (episode.length % kPicturesApart == 0) camera.stats.add(*picture);
      camera.last = std::move(picture);
    }
  }

  void add(const RecordedFrame& frame, const std::string& task) {
    if (!prepared) prepare(frame);
    check(frame);
    add_pictures(frame);
    episode.values.resize(schema.series.size());
    for (std::size_t i = 0; i < schema.series.size(); ++i) {
      auto& values = episode.values[i];
      if (i < frame.series.size() && !frame.series[i].empty()) {
        values.insert(values.end(), frame.series[i].begin(), frame.series[i].end());
      } else {
        values.insert(values.end(), schema.series[i].columns.size(), std::numeric_limits<double>::quiet_NaN());
      }
    }
    episode.task_indices.push_back(task_index(task));
    ++episode.length;
    if (static_cast<std::size_t>(episode.length) - episode.written_rows >= kRowsAGroup) write_rows();
  }

  // Rows of the open episode that are not in the file yet.
  void write_rows() {
    const auto done = episode.written_rows;
    const auto rows = static_cast<std::size_t>(episode.length) - done;
    if (rows == 0) return;
    if (!data) data = std::make_unique<ParquetWriter>(root / "data" / lerobot_file(file, "parquet"));
    std::vector<ParquetRows> columns;
    for (std::size_t i = 0; i < schema.series.size(); ++i) {
      const auto width = schema.series[i].columns.size();
      const auto begin = episode.values[i].begin() + static_cast<std::ptrdiff_t>(done * width);
      columns.push_back({schema.series[i].name,
                         width == 1 ? WrittenType::single : WrittenType::singles,
                         width,
                         std::vector<double>(begin, episode.values[i].end()),
                         {},
                         {}});
    }
    for (std::size_t i = 0; i < cameras.size(); ++i) {
      if (!meta.cameras[i].codec.empty()) continue;
      columns.push_back({meta.cameras[i].name, WrittenType::picture, 1, {}, std::exchange(cameras[i].files, {}), {}});
    }
    const auto add = [&](const char* name, std::vector<double> numbers, WrittenType type = WrittenType::integer) {
      columns.push_back({name, type, 1, std::move(numbers), {}, {}});
    };
    const auto at = static_cast<double>(done);
    add("timestamp", counted(rows, at / rate(), 1 / rate()), WrittenType::single);
    add("frame_index", counted(rows, at, 1));
    add("episode_index", counted(rows, static_cast<double>(meta.episodes.size()), 0));
    add("index", counted(rows, static_cast<double>(frames) + at, 1));
    add("task_index", {episode.task_indices.begin() + static_cast<std::ptrdiff_t>(done), episode.task_indices.end()});
    data->write(columns, rows);
    episode.written_rows += rows;
  }

  void end_episode() {
    if (episode.length == 0) return;
    write_rows();
    LerobotMeta::Episode ended{episode.length,           frames, file, static_cast<double>(frames_in_file) / rate(),
                               std::move(episode.tasks), {}};
    const auto rows = static_cast<std::size_t>(episode.length);
    for (std::size_t i = 0; i < schema.series.size(); ++i) {
      ended.stats[schema.series[i].name] = lerobot_stats(episode.values[i], schema.series[i].columns.size());
    }
    for (std::size_t i = 0; i < cameras.size(); ++i) {
      ended.stats[meta.cameras[i].name] = cameras[i].stats.stats();
      cameras[i].stats = {};
      cameras[i].last.reset();
    }
    const auto count = [&](const char* name, double begin, double step) {
      ended.stats[name] = lerobot_stats(counted(rows, begin, step), 1);
    };
    count("timestamp", 0, 1 / rate());
    count("frame_index", 0, 1);
    count("episode_index", static_cast<double>(meta.episodes.size()), 0);
    count("index", static_cast<double>(frames), 1);
    ended.stats["task_index"] = lerobot_stats(episode.task_indices, 1);
    meta.episodes.push_back(std::move(ended));
    frames += episode.length;
    frames_in_file += episode.length;
    episode = {};
    if (frames_in_file >= options.frames_a_file) close_files();
  }

  // What is in closed files is a dataset.
  void close_files() {
    if (!data) return;
    for (auto& camera : cameras) {
      if (const auto writer = std::exchange(camera.writer, nullptr)) writer->finish();
    }
    data->close();
    data.reset();
    ++file;
    frames_in_file = 0;
    write_lerobot_meta(root, meta);
  }
};

LerobotWriter::LerobotWriter(std::filesystem::path root, RecordingSchema schema, double frames_per_second,
                             LerobotWriterOptions options)
    : d_(std::make_unique<Private>()) {
  d_->root = std::move(root);
  d_->schema = std::move(schema);
  d_->options = options;
  d_->meta.robot = d_->schema.robot;
  d_->meta.frames_per_second = frames_per_second;
  d_->meta.series = d_->schema.series;
  d_->meta.splits = {{"train", 0}};
  d_->check();
}

LerobotWriter::~LerobotWriter() = default;

void LerobotWriter::begin_split(const std::string& name) {
  d_->end_episode();
  auto& splits = d_->meta.splits;
  const auto first = episodes();
  if (splits.back().first == first) splits.pop_back();
  splits.push_back({name, first});
}

void LerobotWriter::add(const RecordedFrame& frame, const std::string& task) { d_->add(frame, task); }

void LerobotWriter::end_episode() { d_->end_episode(); }

void LerobotWriter::finish() {
  d_->end_episode();
  d_->close_files();
  if (d_->meta.episodes.empty()) throw FileError(d_->root, "gets no frame: a LeRobot dataset needs one at least");
}

std::int64_t LerobotWriter::episodes() const { return static_cast<std::int64_t>(d_->meta.episodes.size()); }
std::int64_t LerobotWriter::frames() const { return d_->frames + d_->episode.length; }

}  // namespace deer
