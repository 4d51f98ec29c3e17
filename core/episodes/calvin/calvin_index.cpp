// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/calvin/calvin_index.h"

#include <algorithm>
#include <cmath>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/base/utf8.h"
#include "core/episodes/numpy/npy_writer.h"

namespace deer {
namespace {

constexpr std::uint64_t kEmbedding = 384;  // length of CALVIN's sentence embedding
constexpr double kMaxRelPosition = 0.02;   // m for a relative action of 1
constexpr double kMaxRelAngle = 0.05;      // rad

std::string yaml_number(double value) {
  auto out = shortest_text(value);
  // YAML reads "1e-05" as text: a number needs a decimal point.
  if (const auto exponent = out.find('e'); out.find('.') == std::string::npos) {
    out.insert(exponent == std::string::npos ? out.size() : exponent, ".0");
  }
  return out;
}

std::string yaml_list(std::span<const double> values) {
  std::string out = "[";
  for (const double value : values) out += (out.size() > 1 ? ", " : "") + yaml_number(value);
  return out + "]";
}

std::string yaml_moments(const char* key, const VectorMoments& moments) {
  return std::string(key) +
         ":\n  - _target_: calvin_agent.utils.transforms.NormalizeVector\n    mean: " + yaml_list(moments.mean()) +
         "\n    std: " + yaml_list(moments.deviation()) + "\n";
}

std::string control_settings() {
  return "env:\n  control_freq: 30\nrobot:\n  max_rel_pos: " + yaml_number(kMaxRelPosition) +
         "\n  max_rel_orn: " + yaml_number(kMaxRelAngle) + "\n";
}

std::string statistics(const CalvinIndex& index) {
  std::string out;
  if (index.robot_obs.count() > 0) out += yaml_moments("robot_obs", index.robot_obs);
  if (index.scene_obs.count() > 0) out += yaml_moments("scene_obs", index.scene_obs);
  if (std::isfinite(index.action_min[0])) {
    out += "act_min_bound: " + yaml_list(index.action_min) + "\nact_max_bound: " + yaml_list(index.action_max) + "\n";
  }
  return out + control_settings();
}

std::string annotation_file(const std::vector<CalvinAnnotation>& annotations) {
  const auto texts = [&](NumpyPickleWriter& out, std::string CalvinAnnotation::*member) {
    out.begin();
    for (const auto& annotation : annotations) out.text(valid_utf8(annotation.*member));
    out.end_list();
  };
  const std::vector<float> embeddings(annotations.size() * kEmbedding);
  NumpyPickleWriter out;
  out.begin();
  out.text("language");
  out.begin();
  out.text("ann");
  texts(out, &CalvinAnnotation::instruction);
  out.text("task");
  texts(out, &CalvinAnnotation::task);
  out.text("emb");
  out.array(NpyView::of<float>('f', {annotations.size(), 1, kEmbedding}, embeddings));
  out.end_dict();
  out.text("info");
  out.begin();
  out.text("episodes");
  out.begin();
  out.end_list();
  out.text("indx");
  out.begin();
  for (const auto& annotation : annotations) {
    out.begin();
    out.integer(annotation.frames.first);
    out.integer(annotation.frames.last);
    out.end_tuple();
  }
  out.end_list();
  out.end_dict();
  out.end_dict();
  return NumpyPickleWriter::npy_of_object(out);
}

std::string scene_file(const std::vector<FrameIds>& segments, const std::string& scene) {
  NumpyPickleWriter out;
  out.begin();
  if (!segments.empty()) {
    out.text(scene);
    out.begin();
    out.integer(segments.front().first);
    out.integer(segments.back().last);
    out.end_list();
  }
  out.end_dict();
  return NumpyPickleWriter::npy_of_object(out);
}

bool starts_first(const FrameIds& a, const FrameIds& b) { return a.first < b.first; }

// Numbers that JSON cannot express (the bounds of no action) are null.
Json numbers_or_null(std::span<const double> values) {
  Json out = Json::array();
  for (const double value : values) out.push_back(std::isfinite(value) ? Json(value) : Json(nullptr));
  return out;
}

void read_bounds(const JsonFields& json, const char* key, std::array<double, 7>& out) {
  const auto it = json.json().find(key);
  if (it == json.json().end() || !it->is_array() || it->size() != out.size()) json.fail(key, "a list of 7 numbers");
  for (std::size_t i = 0; i < out.size(); ++i) {
    if ((*it)[i].is_number()) out[i] = (*it)[i].get<double>();
  }
}

}  // namespace

void VectorMoments::add(std::span<const double> value) {
  if (count_ == 0) {
    mean_.assign(value.size(), 0);
    squares_.assign(value.size(), 0);
  }
  if (value.size() != mean_.size()) throw Error("vectors of different lengths cannot be averaged");
  ++count_;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const double before = value[i] - mean_[i];
    mean_[i] += before / static_cast<double>(count_);
    squares_[i] += before * (value[i] - mean_[i]);
  }
}

void VectorMoments::add(const VectorMoments& other) {
  if (other.count_ == 0) return;
  if (count_ == 0) {
    *this = other;
    return;
  }
  if (other.mean_.size() != mean_.size()) throw Error("vectors of different lengths cannot be averaged");
  const auto a = static_cast<double>(count_);
  const auto b = static_cast<double>(other.count_);
  for (std::size_t i = 0; i < mean_.size(); ++i) {
    const double apart = other.mean_[i] - mean_[i];
    mean_[i] += apart * b / (a + b);
    squares_[i] += other.squares_[i] + apart * apart * a * b / (a + b);
  }
  count_ += other.count_;
}

std::vector<double> VectorMoments::deviation() const {
  std::vector<double> out(squares_.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::sqrt(squares_[i] / static_cast<double>(count_));
  return out;
}

Json VectorMoments::to_json() const { return {{"count", count_}, {"mean", mean_}, {"squares", squares_}}; }

VectorMoments VectorMoments::from_json(const JsonFields& json) {
  VectorMoments out;
  out.count_ = json.integer("count");
  out.mean_ = json.numbers("mean");
  out.squares_ = json.numbers("squares");
  if (out.count_ < 0 || out.squares_.size() != out.mean_.size()) json.fail("squares", "as many numbers as 'mean'");
  return out;
}

std::int64_t CalvinIndex::frames() const {
  std::int64_t out = 0;
  for (const auto& segment : segments) out += segment.length();
  return out;
}

void CalvinIndex::add(const CalvinIndex& other) {
  segments.insert(segments.end(), other.segments.begin(), other.segments.end());
  annotations.insert(annotations.end(), other.annotations.begin(), other.annotations.end());
  cameras.insert(cameras.end(), other.cameras.begin(), other.cameras.end());
  robot_obs.add(other.robot_obs);
  scene_obs.add(other.scene_obs);
  for (std::size_t i = 0; i < action_min.size(); ++i) {
    action_min[i] = std::min(action_min[i], other.action_min[i]);
    action_max[i] = std::max(action_max[i], other.action_max[i]);
  }
}

Json CalvinIndex::to_json() const {
  Json play = Json::array();
  for (const auto& segment : segments) play.push_back({segment.first, segment.last});
  Json language = Json::array();
  for (const auto& annotation : annotations) {
    language.push_back({{"frames", {annotation.frames.first, annotation.frames.last}},
                        {"instruction", valid_utf8(annotation.instruction)},
                        {"task", valid_utf8(annotation.task)}});
  }
  return {{"segments", play},
          {"annotations", language},
          {"cameras", deer::to_json(cameras)},
          {"robot_obs", robot_obs.to_json()},
          {"scene_obs", scene_obs.to_json()},
          {"action_min", numbers_or_null(action_min)},
          {"action_max", numbers_or_null(action_max)}};
}

CalvinIndex CalvinIndex::from_json(const JsonFields& json) {
  const auto list = [&](const char* key) -> const Json& {
    const auto it = json.json().find(key);
    if (it == json.json().end() || !it->is_array()) json.fail(key, "a list");
    return *it;
  };
  const auto frames = [&](const Json& pair, const char* key) -> FrameIds {
    const bool fits = pair.is_array() && pair.size() == 2 && pair[0].is_number_integer() && pair[1].is_number_integer();
    if (!fits) json.fail(key, "pairs of frame ids");
    return {pair[0].get<std::int64_t>(), pair[1].get<std::int64_t>()};
  };
  CalvinIndex out;
  for (const auto& pair : list("segments")) out.segments.push_back(frames(pair, "segments"));
  for (const auto& entry : list("annotations")) {
    const JsonFields fields(json.file(), entry, "annotations");
    if (!fields.has("frames")) fields.fail("frames", "a pair of frame ids");
    out.annotations.push_back(
        {frames(entry["frames"], "annotations"), fields.text("instruction"), fields.text("task")});
  }
  if (json.has("cameras")) out.cameras = camera_stretches_from_json(json.file(), list("cameras"));
  out.robot_obs = VectorMoments::from_json(json.object("robot_obs"));
  out.scene_obs = VectorMoments::from_json(json.object("scene_obs"));
  read_bounds(json, "action_min", out.action_min);
  read_bounds(json, "action_max", out.action_max);
  return out;
}

void write_calvin_index(const std::filesystem::path& split, CalvinIndex index, const std::string& scene) {
  std::stable_sort(index.segments.begin(), index.segments.end(), starts_first);
  std::stable_sort(index.annotations.begin(), index.annotations.end(),
                   [](const auto& a, const auto& b) { return starts_first(a.frames, b.frames); });
  std::vector<std::int64_t> ends;
  std::vector<std::int64_t> lengths;
  for (const auto& segment : index.segments) {
    ends.insert(ends.end(), {segment.first, segment.last});
    lengths.push_back(segment.length());
  }
  std::error_code error;
  for (const char* folder : {".hydra", "lang_annotations"}) std::filesystem::create_directories(split / folder, error);
  if (error) throw FileError(split, "cannot create the folder: " + error.message());
  if (!index.cameras.empty()) write_camera_stretches(split, std::move(index.cameras));
  // Annotations first: the other files list frames that already exist.
  write_file_atomically(split / "lang_annotations/auto_lang_ann.npy", annotation_file(index.annotations));
  write_file_atomically(split / "ep_lens.npy", npy_file(NpyView::of<std::int64_t>('i', {lengths.size()}, lengths)));
  write_file_atomically(split / "ep_start_end_ids.npy",
                        npy_file(NpyView::of<std::int64_t>('i', {lengths.size(), 2}, ends)));
  write_file_atomically(split / "scene_info.npy", scene_file(index.segments, scene));
  write_file_atomically(split / "statistics.yaml", statistics(index));
  write_file_atomically(split / ".hydra/merged_config.yaml", "scene: " + scene + "\n" + control_settings());
}

}  // namespace deer
