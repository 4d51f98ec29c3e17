// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <functional>
#include <memory>

#include "core/episodes/open/open_source.h"
#include "core/exits/engine.h"
#include "core/robot/camera_model.h"
#include "sessions/session/session.h"

namespace deer::test {

/// A model and episodes in closed form, so that a test can say which colour and number it expects.
/// Six exits (layers 1, 3, … 11), decisions by action delta alone.
struct Scene {
  int frames = 120;
  int episodes = 4;  ///< half in "training", half in "validation"
  bool gripper_camera = true;
  int bad_frame = -1;    ///< its reading fails
  int bad_picture = -1;  ///< frame whose pictures cannot be read, but its numbers
  int slow_frame = -1;   ///< its reading takes three seconds
  int load_ms = 0;       ///< of the model
  int step_ms = 0;
  bool replays_lose_times = false;  ///< a replayed record has the head's time alone, as the engine's
  bool turns_with_frame = false;    ///< the angle between exits' features grows and shrinks over the frames
  std::function<std::array<double, 15>(std::int64_t frame)> robot_obs;  ///< empty: the source has none
  CameraCalibrationPtr cameras;                                         ///< of every frame; null: not known
  int attend_ms = 0;                                                    ///< of an attention map

  static constexpr int kHeads = 4;
  static constexpr int kPatches = 4;  ///< in a row and in a column
  /// Weight of a patch (x, y) in a camera's picture (0 static, 1 gripper), at an exit: one patch is bright.
  static float attention(std::int64_t frame, int exit, int head, std::size_t camera, int x, int y);

  static constexpr int kExits = 6;
  static constexpr int kPicture = 200;
  static constexpr int kPromptTokens = 13;

  static double delta(std::int64_t frame, int exit);
  static std::array<float, 6> arm(std::int64_t frame, int exit);
  static std::array<double, 7> recorded(std::int64_t frame);
  static ImagePtr picture(std::int64_t frame, int size);
  /// Where the policy leaves.
  static int exit_taken(std::int64_t frame, const ExitPolicy& policy);
  /// The cosine of the angle between the features of two exits.
  static double similarity(int exit_a, int exit_b);
  static std::vector<double> thresholds();

  EngineFactory engine_factory() const;
  SourceOpener source_opener() const;

  std::unique_ptr<Session> session() const;
};

/// Opens the scene's model and first episode, runs it, and waits for every record. False if it takes
/// longer than ten seconds.
bool open_all(Session* session);
/// Only the episode, with frame 0 in the cache.
bool open_episode(Session* session);

}  // namespace deer::test
