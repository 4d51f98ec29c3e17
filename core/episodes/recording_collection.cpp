// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/recording_collection.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/base/error.h"
#include "core/episodes/calvin_columns.h"

namespace deer {

ImagePtr upside_down(const Image& image) {
  auto out = std::make_shared<Image>();
  out->width = image.width;
  out->height = image.height;
  out->rgb.resize(image.rgb.size());
  const auto row = static_cast<std::size_t>(image.width) * 3;
  for (std::size_t y = 0; y < static_cast<std::size_t>(image.height); ++y) {
    std::copy_n(image.rgb.data() + y * row, row,
                out->rgb.data() + (static_cast<std::size_t>(image.height) - 1 - y) * row);
  }
  return out;
}

std::string without_file(std::string problem, const std::filesystem::path& file) {
  const std::string name = FileError(file, "").what();
  return problem.starts_with(name) ? problem.substr(name.size()) : problem;
}

namespace {

// As this program writes CALVIN's robot_obs.
bool is_robot_obs(const std::vector<MappedColumn>& state) {
  const auto& names = calvin_robot_names();
  return std::equal(state.begin(), state.end(), names.begin(), names.end(), [](const auto& column, const auto& name) {
    return column.name == name && column.scale == 1 && column.offset == 0;
  });
}

bool all_finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

class MappedReader final : public FrameReader {
 public:
  MappedReader(std::unique_ptr<RecordingReader> reader, RecordingSchema schema, Mapping mapping)
      : reader_(std::move(reader)),
        schema_(std::move(schema)),
        mapping_(std::move(mapping)),
        robot_obs_(is_robot_obs(mapping_.state)) {
    for (const auto& camera : schema_.cameras) {
      flipped_.push_back(std::find(mapping_.flipped.begin(), mapping_.flipped.end(), camera.name) !=
                         mapping_.flipped.end());
    }
  }

  std::int64_t length() const override { return reader_->length(); }

  Observation load(std::int64_t index, const std::stop_token& stop) override {
    return mapped(reader_->load(index, stop));
  }
  Observation load_state(std::int64_t index, const std::stop_token&) override {
    return mapped(reader_->load_series(index));
  }

 private:
  Observation mapped(RecordedFrame frame) const {
    Observation out;
    out.frame_id = frame.frame_id;
    out.timestamp_s = frame.timestamp_s;
    out.state = mapped_values(mapping_.state, schema_, frame);
    if (robot_obs_ && !out.state.empty() && all_finite(out.state)) {
      std::copy_n(out.state.begin(), 15, out.robot_obs.emplace().begin());
    }
    auto action = mapped_values(mapping_.action, schema_, frame);
    if (mapping_.deer_action && action.size() == 7 && all_finite(action)) {
      std::copy_n(action.begin(), 7, out.rel_action.emplace().begin());
    } else if (!mapping_.deer_action) {
      out.other_action = std::move(action);
    }
    out.pictures = std::move(frame.pictures);
    out.pictures.resize(schema_.cameras.size());
    for (std::size_t i = 0; i < out.pictures.size(); ++i) {
      auto& picture = out.pictures[i];
      if (picture && flipped_[i]) picture = upside_down(*picture);
      if (schema_.cameras[i].name == mapping_.static_camera) out.rgb_static = picture;
      if (schema_.cameras[i].name == mapping_.gripper_camera) out.rgb_gripper = picture;
    }
    return out;
  }

  const std::unique_ptr<RecordingReader> reader_;
  const RecordingSchema schema_;
  const Mapping mapping_;
  const bool robot_obs_;  // the state is CALVIN's
  std::vector<bool> flipped_;
};

}  // namespace

RecordingCollection::RecordingCollection(RecordingContents contents, const OpenSourceOptions& options)
    : contents_(std::move(contents)), map_file_(options.map), cache_(options.cache) {
  if (contents_.entries.empty()) {
    throw FileError(
        contents_.path,
        "is a dataset (" + contents_.kind + ") without an episode that can be opened" +
            (contents_.warnings.empty() ? "" : ": " + without_file(contents_.warnings.front(), contents_.path)));
  }
  description_.schema = contents_.schema;
  description_.frames_per_second = contents_.frames_per_second;
  description_.mapping =
      options.map.empty() ? guess_mapping(contents_.schema) : read_mapping(options.map, contents_.schema);
  if (!options.instruction.empty()) description_.mapping.instruction = options.instruction;
  std::string flipped;
  for (const auto& name : description_.mapping.flipped) flipped += (flipped.empty() ? "" : ", ") + printable(name);
  if (!flipped.empty() && options.map.empty()) {
    contents_.warnings.push_back(
        FileError(contents_.path, "stores its pictures upside down (" + flipped + "); they are turned upright").what());
  }
}

OpenedRecording RecordingCollection::open_recording(std::size_t index) const {
  if (index >= contents_.entries.size()) {
    throw Error("episode " + std::to_string(index) + " does not exist: " + contents_.path.string() + " has " +
                std::to_string(contents_.entries.size()));
  }
  return contents_.open(index);
}

RecordedFrame RecordingCollection::first_frame(std::size_t index, const std::stop_token& stop) const {
  const auto opened = open_recording(index);
  if (opened.reader->length() < 1) throw FileError(opened.path, "has no frame in episode " + std::to_string(index));
  auto out = opened.reader->load(0, stop);
  out.pictures.resize(contents_.schema.cameras.size());
  out.series.resize(contents_.schema.series.size());
  return out;
}

FrameSourcePtr RecordingCollection::open(std::size_t index) const {
  auto opened = open_recording(index);
  const auto& mapping = description_.mapping;
  SourceInfo info;
  info.title = std::move(opened.title);
  info.path = std::move(opened.path);
  info.kind = contents_.kind;
  info.frames_per_second = contents_.frames_per_second;
  info.has_static_camera = !mapping.static_camera.empty();
  info.has_gripper_camera = !mapping.gripper_camera.empty();
  for (const auto& camera : contents_.schema.cameras) {
    info.cameras.push_back(camera.name);
    info.camera_sizes.push_back({camera.width, camera.height});
  }
  for (const auto& column : mapping.state) info.state_columns.push_back({column.name, column.unit});
  info.action_layout = action_layout(mapping);
  const auto length = opened.reader->length();
  if (!mapping.instruction.empty()) {
    opened.instructions.clear();
    if (length > 0) opened.instructions.push_back({0, length - 1, mapping.instruction, {}});
  }
  auto reader = std::make_unique<MappedReader>(std::move(opened.reader), contents_.schema, mapping);
  return std::make_shared<RecordedSource>(std::move(info), std::move(opened.instructions), std::move(reader), cache_);
}

const MappedDataset* mapped_dataset(const EpisodeCollection* data) {
  return data != nullptr && data->description() != nullptr ? dynamic_cast<const MappedDataset*>(data) : nullptr;
}

std::int64_t episode_length(const EpisodeCollection& data, std::size_t index) {
  const auto& entry = data.episodes().at(index);
  return entry.length_known ? entry.length() : data.open(index)->length().value_or(0);
}

std::string missing_cameras(const SourceInfo& info) {
  if (info.has_static_camera && info.has_gripper_camera) return {};
  std::string out = "the model sees a static and a gripper camera, but ";
  out += !info.has_static_camera && !info.has_gripper_camera ? "neither is"
         : info.has_static_camera                            ? "no gripper camera is"
                                                             : "no static camera is";
  out += " known in '" + printable(info.title) + "'";
  if (info.kind == "video" || info.kind == "images") return out + "; give the second one with --gripper";
  if (info.cameras.empty()) return out + ", which has no pictures";
  out += "; its cameras are ";
  for (std::size_t i = 0; i < info.cameras.size(); ++i) out += (i > 0 ? ", " : "") + printable(info.cameras[i]);
  return out + ": choose with --map FILE, for example {\"static_camera\": \"" + printable(info.cameras.front()) +
         "\", \"gripper_camera\": \"" + printable(info.cameras.back()) + "\"}";
}

}  // namespace deer
