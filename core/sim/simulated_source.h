// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "core/episodes/frame_source.h"

namespace deer {

struct SimulatedSourceOptions {
  /// An instruction, or a task's name ("open_drawer": its first phrasing). Other text is passed on unchanged; success
  /// cannot be checked then.
  std::string instruction;
  std::uint64_t seed = 0;
  int max_steps = 360;  ///< then the attempt has failed
  /// After a success or a failure: a new random table on which the task can start. Off: the table stays unchanged, and
  /// the next attempt starts there.
  bool new_tables = true;
  bool real_time = true;  ///< at most 30 frames per second
};

/// The play table as a live source. Each next() is one step: it executes the latest command from act() since the last
/// step (if none, the arm holds still) and returns the result. The first frame of an attempt has
/// Observation::starts_episode set.
class SimulatedSource : public FrameSource {
 public:
  /// Throws Error if rendering cannot be set up.
  static std::shared_ptr<SimulatedSource> open(const SimulatedSourceOptions& options);

  /// Changes the instruction, as in the options. It starts with the next frame, on the current table if the task can
  /// start there or options.new_tables is off.
  virtual void instruct(const std::string& instruction) = 0;

  struct Status {
    std::string instruction;
    std::string task;  ///< empty if the instruction matches none
    int step = 0;      ///< of the current attempt
    int successes = 0;
    int failures = 0;
  };
  virtual Status status() const = 0;
};

struct SceneSourceOptions {
  /// Names in the scene. Empty: guessed from the names that it has ("static", "front", "wrist", …); a scene without
  /// cameras is seen by a free one, and one without a gripper's is shown without.
  std::string static_camera{};
  std::string gripper_camera{};
  int static_size = 200;  ///< pixels, square
  int gripper_size = 84;
  std::string instruction;
  bool real_time = true;
};

/// Shows any MuJoCo scene (MJCF or URDF), simulated from its initial state without control, at 30 frames per second.
/// Commands are ignored, because it is not known which joints they would move. Throws FileError that lists the cameras
/// if one that was named is not among them.
FrameSourcePtr open_scene(const std::filesystem::path& file, const SceneSourceOptions& options = {});

}  // namespace deer
