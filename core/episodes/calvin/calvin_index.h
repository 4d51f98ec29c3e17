// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "core/base/json_file.h"
#include "core/episodes/calvin/calvin_annotations.h"
#include "core/episodes/calvin/camera_stretches.h"

namespace deer {

/// Running mean and standard deviation of vectors (Welford, Chan).
class VectorMoments {
 public:
  void add(std::span<const double> value);
  void add(const VectorMoments& other);

  std::int64_t count() const { return count_; }
  std::vector<double> mean() const { return mean_; }
  std::vector<double> deviation() const;  ///< of the whole population, as in CALVIN; 0 for a single value

  Json to_json() const;
  static VectorMoments from_json(const JsonFields& json);

 private:
  std::int64_t count_ = 0;
  std::vector<double> mean_;
  std::vector<double> squares_;  // sum of squared distances from the mean
};

/// Contents of a CALVIN split's index files. A value type; the indices of several recorders with separate frame ids
/// can be added.
struct CalvinIndex {
  std::vector<FrameIds> segments;             ///< play segments, not empty
  std::vector<CalvinAnnotation> annotations;  ///< each inside a segment
  std::vector<CameraStretch> cameras;         ///< where known
  VectorMoments robot_obs;
  VectorMoments scene_obs;
  std::array<double, 7> action_min = filled(std::numeric_limits<double>::infinity());
  std::array<double, 7> action_max = filled(-std::numeric_limits<double>::infinity());

  std::int64_t frames() const;
  void add(const CalvinIndex& other);

  Json to_json() const;
  /// Throws FileError naming the field.
  static CalvinIndex from_json(const JsonFields& json);

 private:
  static std::array<double, 7> filled(double value) {
    std::array<double, 7> out{};
    out.fill(value);
    return out;
  }
};

/// Writes a split's index files, each atomically: ep_start_end_ids.npy, ep_lens.npy, scene_info.npy,
/// statistics.yaml, .hydra/merged_config.yaml and lang_annotations/auto_lang_ann.npy, and camera_calibration.json if
/// cameras are known. Annotations are sorted by their first frame. Their embeddings ([n, 1, 384], from a sentence
/// encoder in CALVIN) are zeros: a policy that reads the text, as DeeR does, does not need them. Throws FileError.
void write_calvin_index(const std::filesystem::path& split, CalvinIndex index, const std::string& scene);

}  // namespace deer
