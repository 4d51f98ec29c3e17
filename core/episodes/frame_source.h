// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/action_layout.h"
#include "core/base/image.h"
#include "core/episodes/scene_block.h"

namespace deer {

struct CameraCalibration;  // core/robot/camera_model.h

/// Observation of the robot at one time step.
struct Observation {
  std::int64_t frame = 0;     ///< index in its source, from 0
  std::int64_t frame_id = 0;  ///< the source's own number (CALVIN: the number in the file name)
  double timestamp_s = 0;     ///< since the start of the source
  ImagePtr rgb_static;
  ImagePtr rgb_gripper;     ///< null if the source has no gripper camera
  std::string instruction;  ///< empty if none applies

  /// CALVIN's robot_obs: TCP x y z (m), Euler x y z (rad), gripper opening (m), 7 joint angles (rad), gripper action.
  std::optional<std::array<double, 15>> robot_obs;
  /// CALVIN's scene_obs (slider, drawer, button, switch, bulb, LED, three blocks' x y z and Euler x y z).
  std::optional<std::array<double, 24>> scene_obs;
  /// All blocks of a scene with others than CALVIN's three; empty: those in scene_obs.
  std::vector<SceneBlock> blocks;
  /// Absolute TCP pose commanded: x y z (m), Euler x y z (rad), gripper (-1 close, +1 open).
  std::optional<std::array<double, 7>> action;
  /// Relative action in the world frame: position x 50, angle x 20, in [-1, 1]; gripper as above.
  std::optional<std::array<double, 7>> rel_action;
  /// Recorded action in another layout than DeeR's, one step of it; empty: none. SourceInfo::action_layout describes
  /// it.
  std::vector<double> other_action;
  /// Robot state of a recording with named columns (SourceInfo::state_columns); NaN: not recorded. Empty: none.
  std::vector<double> state;
  /// Pictures of all cameras in the order of SourceInfo::cameras; null: missing in this frame. Empty for sources that
  /// name none. rgb_static and rgb_gripper are two of them.
  std::vector<ImagePtr> pictures;

  /// Poses and intrinsics of the cameras; null if unknown.
  std::shared_ptr<const CameraCalibration> cameras;

  /// Live source: this frame does not continue the earlier ones; consumers should reset their history.
  bool starts_episode = false;
};

using ObservationPtr = std::shared_ptr<const Observation>;

/// The recorded action, of one step, in the layout of its recording; empty if there is none.
inline std::span<const double> recorded_action(const Observation& seen) {
  if (seen.rel_action) return *seen.rel_action;
  return seen.other_action;
}

/// A column of a series of numbers.
struct SeriesColumn {
  std::string name;
  std::string unit;  ///< may be empty

  bool operator==(const SeriesColumn&) const = default;
};

/// Pixels; 0: unknown.
struct CameraSize {
  int width = 0;
  int height = 0;
};

struct SourceInfo {
  std::string title;           ///< for display, for example "validation, episode 1"
  std::filesystem::path path;  ///< what was opened
  std::string kind;            ///< "CALVIN", "images", "video", "LeRobot v3.0", later "camera", "simulator"
  double frames_per_second = 30;
  bool has_gripper_camera = false;
  bool has_static_camera = true;

  /// Of recordings with named cameras and columns; empty or null otherwise.
  std::vector<std::string> cameras{};
  std::vector<CameraSize> camera_sizes{};  ///< as `cameras`, as far as the dataset says
  std::vector<SeriesColumn> state_columns{};
  ActionLayoutPtr action_layout{};  ///< of Observation::other_action
};

/// Range of frames with one instruction, both ends inclusive.
struct InstructionSpan {
  std::int64_t first = 0;
  std::int64_t last = 0;
  std::string instruction;
  std::string task;  ///< CALVIN's task id; may be empty
};

/// Source of observations: a recorded episode, a video, a camera, a simulator.
///
/// Recorded sources know their length and are read by index in any order. Live ones have no length
/// and are read with next(). All methods may be called from any thread, and read() and next() may
/// block on a disk or device: never call them from the GUI thread.
class FrameSource {
 public:
  virtual ~FrameSource() = default;

  virtual const SourceInfo& info() const = 0;

  /// Number of frames; empty for a live source.
  virtual std::optional<std::int64_t> length() const = 0;

  /// Spans in order, not overlapping. Empty if there are no annotations.
  virtual const std::vector<InstructionSpan>& instructions() const = 0;

  /// Frame `index` of a recorded source. Throws FileError naming the file and the field; a broken
  /// frame does not affect its neighbours. Throws Error on a live source.
  virtual ObservationPtr read(std::int64_t index) = 0;

  /// The same frame, of which only the numbers are wanted: pictures may be null even if the source has them, and are
  /// where that is faster. Not to be called on a live source.
  virtual ObservationPtr read_state(std::int64_t index) { return read(index); }

  /// The next frame in order, waiting if necessary; null at the end or once `stop` is requested.
  virtual ObservationPtr next(std::stop_token stop) = 0;

  /// Hint that frames near `index` will be needed soon. Returns at once.
  virtual void prefetch(std::int64_t /*index*/) {}

  /// Sends a command (arm 6, gripper) to the observed robot. Recorded sources ignore it.
  virtual void act(const std::array<float, 7>& /*command*/) {}
};

using FrameSourcePtr = std::shared_ptr<FrameSource>;

}  // namespace deer
