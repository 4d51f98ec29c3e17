// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "core/episodes/frame_source.h"

namespace deer {

struct SimulatedSourceOptions {
  /// An instruction, or a task's name ("open_drawer": its first phrasing). Text that is no phrasing of a
  /// task is passed on as it is; then nobody can say when it is done.
  std::string instruction;
  std::uint64_t seed = 0;
  int max_steps = 360;  ///< after which a try has failed
  /// After a success or a failure: a new random table on which the task can be begun. Off: the table
  /// stays as it is, and the next try begins there.
  bool new_tables = true;
  bool real_time = true;  ///< at most 30 frames a second
};

/// The play table as a live source. Each next() is one step: it carries out the command that act() left
/// since the last one (if there is none, the arm holds still), and shows what came of it. The first
/// frame of a try has Observation::starts_episode set.
class SimulatedSource : public FrameSource {
 public:
  /// Throws Error if rendering cannot be set up.
  static std::shared_ptr<SimulatedSource> open(const SimulatedSourceOptions& options);

  /// Another instruction, as in the options. It begins with the next frame, on the table as it is if
  /// the task can be begun there or options.new_tables is off.
  virtual void instruct(const std::string& instruction) = 0;

  struct Status {
    std::string instruction;
    std::string task;  ///< empty if the instruction names none
    int step = 0;      ///< of the present try
    int successes = 0;
    int failures = 0;
  };
  virtual Status status() const = 0;
};

struct SceneSourceOptions {
  std::string static_camera = "static";    ///< name in the scene
  std::string gripper_camera = "gripper";  ///< not shown if the scene has none of this name
  int static_size = 200;                   ///< pixels, square
  int gripper_size = 84;
  std::string instruction;
  bool real_time = true;
};

/// Any MuJoCo scene (MJCF or URDF) to look at: it is simulated from its initial state without control,
/// 30 frames a second. Commands are ignored: whose joints they would move is not known.
/// Throws FileError naming the cameras there are if `static_camera` is not among them.
FrameSourcePtr open_scene(const std::filesystem::path& file, const SceneSourceOptions& options = {});

}  // namespace deer
