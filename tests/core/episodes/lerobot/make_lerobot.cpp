// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/core/episodes/lerobot/make_lerobot.h"

#ifdef DEER_HAVE_ARROW

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/writer.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/videoio.hpp>
#include <stdexcept>

namespace deer::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr double kRate = 10;

void ok(const arrow::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

// A picture whose number can be read back after lossy compression: eight black or white bars.
cv::Mat numbered(int number) {
  constexpr int kWidth = 96, kHeight = 64;
  cv::Mat out(kHeight, kWidth, CV_8UC3, cv::Scalar(60, 60, 60));
  for (int bit = 0; bit < 8; ++bit) {
    const int value = (number >> bit) & 1 ? 255 : 0;
    out(cv::Rect(bit * kWidth / 8, 0, kWidth / 8, kHeight / 2)) = cv::Scalar(value, value, value);
  }
  return out;
}

std::shared_ptr<arrow::Array> done(arrow::ArrayBuilder& builder) {
  std::shared_ptr<arrow::Array> out;
  ok(builder.Finish(&out));
  return out;
}

std::shared_ptr<arrow::Array> integers(const std::vector<std::int64_t>& values) {
  arrow::Int64Builder builder;
  ok(builder.AppendValues(values));
  return done(builder);
}

std::shared_ptr<arrow::Array> reals(const std::vector<double>& values) {
  arrow::DoubleBuilder builder;
  ok(builder.AppendValues(values));
  return done(builder);
}

// Rows of one width, of fixed size or not: both are published.
std::shared_ptr<arrow::Array> rows(const std::vector<float>& values, int width, bool fixed) {
  auto inner = std::make_shared<arrow::FloatBuilder>();
  if (fixed) {
    arrow::FixedSizeListBuilder builder(arrow::default_memory_pool(), inner, width);
    for (std::size_t at = 0; at < values.size(); at += static_cast<std::size_t>(width)) {
      ok(builder.Append());
      ok(inner->AppendValues(values.data() + at, width));
    }
    return done(builder);
  }
  arrow::ListBuilder builder(arrow::default_memory_pool(), inner);
  for (std::size_t at = 0; at < values.size(); at += static_cast<std::size_t>(width)) {
    ok(builder.Append());
    ok(inner->AppendValues(values.data() + at, width));
  }
  return done(builder);
}

std::shared_ptr<arrow::Array> pictures(int first, int frames, bool there) {
  auto bytes = std::make_shared<arrow::BinaryBuilder>();
  auto path = std::make_shared<arrow::StringBuilder>();
  arrow::StructBuilder builder(
      arrow::struct_({arrow::field("bytes", arrow::binary()), arrow::field("path", arrow::utf8())}),
      arrow::default_memory_pool(), {bytes, path});
  for (int i = 0; i < frames; ++i) {
    ok(builder.Append());
    std::vector<std::uint8_t> png;
    cv::imencode(".png", numbered(first + i), png);
    ok(there ? bytes->Append(png.data(), static_cast<std::int32_t>(png.size())) : bytes->AppendNull());
    ok(path->Append("frame_" + std::to_string(i) + ".png"));
  }
  return done(builder);
}

using Columns = std::vector<std::pair<std::string, std::shared_ptr<arrow::Array>>>;

void write_table(const fs::path& file, const Columns& columns) {
  fs::create_directories(file.parent_path());
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type()));
    arrays.push_back(array);
  }
  const auto table = arrow::Table::Make(arrow::schema(fields), arrays);
  auto out = arrow::io::FileOutputStream::Open(file.string());
  ok(out.status());
  // Few rows in a group, so that episodes begin and end inside of them.
  ok(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), *out, table->num_rows() > 1000 ? 10'000 : 4));
  ok((*out)->Close());
}

void write_text(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

std::string numbered_name(const char* format, int number) {
  char text[64];
  std::snprintf(text, sizeof text, format, number);
  return text;
}

}  // namespace

MadeLerobot::MadeLerobot(fs::path root, std::string version, Pictures pictures)
    : root_(std::move(root)), version_(std::move(version)), pictures_(pictures) {}

void MadeLerobot::add_episode(const std::string& task, int frames) {
  const int first = episodes_.empty() ? 0 : episodes_.back().first + episodes_.back().frames;
  episodes_.push_back({task, frames, first});
  if (std::find(tasks_.begin(), tasks_.end(), task) == tasks_.end()) tasks_.push_back(task);
}

void MadeLerobot::write_data(const fs::path& file, std::size_t first, std::size_t last) const {
  std::vector<std::int64_t> frame, episode, index, task;
  std::vector<float> actions, states;
  arrow::FloatBuilder times;
  std::vector<std::pair<std::size_t, int>> order;
  for (auto e = first; e <= last; ++e) {
    for (int i = 0; i < episodes_[e].frames; ++i) order.emplace_back(e, i);
  }
  if (alternate) {
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  }
  for (const auto& [e, i] : order) {
    frame.push_back(i);
    episode.push_back(static_cast<std::int64_t>(e));
    index.push_back(episodes_[e].first + i);
    task.push_back(std::find(tasks_.begin(), tasks_.end(), episodes_[e].task) - tasks_.begin());
    for (int k = 0; k < 3; ++k) actions.push_back(static_cast<float>(1000 * static_cast<int>(e) + 100 * i + k));
    states.insert(states.end(), {static_cast<float>(i), -0.5F});
    ok(times.Append(static_cast<float>(i / kRate)));
  }
  Columns columns = {{"action", rows(actions, 3, is_v3())},
                     {"observation.state", rows(states, 2, is_v3())},
                     {"timestamp", done(times)},
                     {"frame_index", integers(frame)},
                     {"episode_index", integers(episode)},
                     {"index", integers(index)},
                     {"task_index", integers(task)}};
  if (pictures_ == Pictures::stored) {
    const auto count = static_cast<int>(frame.size());
    columns.emplace_back("observation.images.front", pictures(episodes_[first].first, count, true));
    columns.emplace_back("observation.images.wrist", pictures(0, count, false));
  }
  write_table(file, columns);
}

void MadeLerobot::write_videos(const std::string& camera, const fs::path& file, int first, int frames) const {
  fs::create_directories(file.parent_path());
  cv::VideoWriter writer(file.string(), cv::CAP_FFMPEG, cv::VideoWriter::fourcc('m', 'p', '4', 'v'), kRate,
                         cv::Size(96, 64));
  if (!writer.isOpened()) throw std::runtime_error("cannot write " + file.string());
  const int add = camera.ends_with("wrist") ? 100 : 0;
  for (int i = 0; i < frames; ++i) writer.write(numbered(add + first + i));
}

void MadeLerobot::write_info() const {
  const json picture = {{"dtype", pictures_ == Pictures::stored ? "image" : "video"},
                        {"shape", {64, 96, 3}},
                        {"names", {"height", "width", "channels"}}};
  const json number = {{"dtype", "int64"}, {"shape", {1}}, {"names", nullptr}};
  json info = {{"codebase_version", version_},
               {"robot_type", "made_up"},
               {"total_episodes", episodes_.size()},
               {"fps", kRate},
               {"chunks_size", 1000},
               {"features",
                {{"action", {{"dtype", "float32"}, {"shape", {3}}, {"names", action_names}}},
                 {"observation.state", {{"dtype", "float32"}, {"shape", {2}}, {"names", {{"motors", {"p", "q"}}}}}},
                 {"observation.images.front", picture},
                 {"observation.images.wrist", picture},
                 {"timestamp", {{"dtype", "float32"}, {"shape", {1}}, {"names", nullptr}}},
                 {"frame_index", number},
                 {"episode_index", number},
                 {"index", number},
                 {"task_index", number}}}};
  info["data_path"] = is_v3() ? "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
                              : "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet";
  info["video_path"] = is_v3() ? "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
                               : "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4";
  write_text(root_ / "meta/info.json", info.dump(1));
}

void MadeLerobot::write_tables() const {
  std::vector<std::int64_t> index, length, from, to, zero;
  std::vector<double> start, end;
  arrow::ListBuilder tasks(arrow::default_memory_pool(), std::make_shared<arrow::StringBuilder>());
  for (std::size_t i = 0; i < episodes_.size(); ++i) {
    const auto& episode = episodes_[i];
    index.push_back(static_cast<std::int64_t>(i));
    length.push_back(episode.frames);
    from.push_back(episode.first);
    to.push_back(episode.first + episode.frames);
    zero.push_back(0);
    start.push_back(episode.first / kRate);
    end.push_back((episode.first + episode.frames) / kRate);
    ok(tasks.Append());
    ok(static_cast<arrow::StringBuilder*>(tasks.value_builder())->Append(episode.task));
  }
  Columns columns = {{"episode_index", integers(index)},  {"tasks", done(tasks)},
                     {"length", integers(length)},        {"data/chunk_index", integers(zero)},
                     {"data/file_index", integers(zero)}, {"dataset_from_index", integers(from)},
                     {"dataset_to_index", integers(to)}};
  for (const char* camera : {"observation.images.front", "observation.images.wrist"}) {
    const auto prefix = std::string("videos/") + camera + "/";
    columns.emplace_back(prefix + "chunk_index", integers(zero));
    columns.emplace_back(prefix + "file_index", integers(zero));
    columns.emplace_back(prefix + "from_timestamp", reals(start));
    columns.emplace_back(prefix + "to_timestamp", reals(end));
  }
  write_table(root_ / "meta/episodes/chunk-000/file-000.parquet", columns);
  std::vector<std::int64_t> numbers;
  arrow::StringBuilder texts;
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    numbers.push_back(static_cast<std::int64_t>(i));
    ok(texts.Append(tasks_[i]));
  }
  write_table(root_ / "meta/tasks.parquet", {{"task_index", integers(numbers)}, {"__index_level_0__", done(texts)}});
}

void MadeLerobot::finish() {
  write_info();
  const int total = episodes_.back().first + episodes_.back().frames;
  const bool videos = pictures_ == Pictures::videos;
  if (is_v3()) {
    write_data(root_ / "data/chunk-000/file-000.parquet", 0, episodes_.size() - 1);
    write_tables();
    for (const char* camera : {"observation.images.front", "observation.images.wrist"}) {
      if (videos) write_videos(camera, root_ / "videos" / camera / "chunk-000/file-000.mp4", 0, total);
    }
    return;
  }
  std::string episodes, tasks;
  for (std::size_t i = 0; i < episodes_.size(); ++i) {
    const auto& episode = episodes_[i];
    const auto name = numbered_name("episode_%06d", static_cast<int>(i));
    const auto chunk = numbered_name("chunk-%03d", static_cast<int>(i / 1000));
    write_data(root_ / "data" / chunk / (name + ".parquet"), i, i);
    for (const char* camera : {"observation.images.front", "observation.images.wrist"}) {
      if (videos)
        write_videos(camera, root_ / "videos" / chunk / camera / (name + ".mp4"), episode.first, episode.frames);
    }
    episodes += json{{"episode_index", i}, {"tasks", {episode.task}}, {"length", episode.frames}}.dump() + "\n";
  }
  for (std::size_t i = 0; i < tasks_.size(); ++i) tasks += json{{"task_index", i}, {"task", tasks_[i]}}.dump() + "\n";
  write_text(root_ / "meta/episodes.jsonl", episodes);
  write_text(root_ / "meta/tasks.jsonl", tasks);
}

void MadeLerobot::share_one_video() const {
  const auto first = root_ / "videos/one.mp4";
  write_videos("front", first, 0, episodes_.front().frames);
  for (const char* camera : {"observation.images.front", "observation.images.wrist"}) {
    fs::path copy;  // a file has a limited number of names
    for (int i = 0; i < static_cast<int>(episodes_.size()); ++i) {
      const auto folder = root_ / "videos" / numbered_name("chunk-%03d", i / 1000) / camera;
      const auto file = folder / (numbered_name("episode_%06d", i) + ".mp4");
      if (i % 1000 == 0) {
        fs::create_directories(folder);
        fs::copy_file(first, file);
        copy = file;
      } else {
        fs::create_hard_link(copy, file);
      }
    }
  }
}

int MadeLerobot::number_of(const Image& image) {
  int number = 0;
  for (int bit = 0; bit < 8; ++bit) {
    const int x = bit * image.width / 8 + image.width / 16, y = image.height / 4;
    if (image.rgb[static_cast<std::size_t>(3 * (y * image.width + x))] > 128) number |= 1 << bit;
  }
  return number;
}

}  // namespace deer::test

#endif
