// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "core/base/image.h"
#include "core/robot/camera_model.h"
#include "core/robot/pose.h"

namespace deer {

/// The blocks, in the order of scene_obs.
enum class Block { red, blue, pink };
inline constexpr std::array<Block, 3> kBlocks = {Block::red, Block::blue, Block::pink};

/// CALVIN's robot_obs: TCP x y z (m), Euler x y z (rad), gripper opening (m), 7 joint angles (rad),
/// gripper action (-1 close, +1 open).
using RobotObs = std::array<double, 15>;
/// CALVIN's scene_obs: slider (m, 0.28 = left), drawer (m, 0.22 = open), button (m pressed), switch
/// (m, 0.088 = on), bulb and LED (0 or 1), then red, blue and pink block: x y z (m), Euler x y z (rad).
using SceneObs = std::array<double, 24>;

/// State used by the tasks and the experts. World frame, metres, radians.
struct TableState {
  Pose world_from_tcp;
  double gripper_opening = 0;  ///< m between the finger pads
  bool gripper_commanded_open = true;
  double slider = 0;
  double drawer = 0;
  double button = 0;
  double lever = 0;  ///< the light switch
  bool bulb_on = false;
  bool led_on = false;
  std::array<Pose, 3> blocks;
  std::array<bool, 3> touches_both_fingers{};  ///< block is between the finger pads
  std::array<bool, 3> touches_finger{};        ///< block touches at least one finger or the hand
  std::array<bool, 3> touches_table{};
  std::array<bool, 3> touches_drawer{};
  std::array<std::array<bool, 3>, 3> touches_block{};

  const Pose& block(Block which) const { return blocks[static_cast<std::size_t>(which)]; }
  RobotObs robot_obs(const std::array<double, 7>& joints) const;
  SceneObs scene_obs() const;
};

/// State from a recording. Contacts are not recorded: they are inferred from positions and may be wrong for a few steps
/// around a contact.
TableState observed_state(const RobotObs& robot, const SceneObs& scene);

/// Coarse initial state of a chain of tasks; the rest is drawn from the seed.
struct InitialTable {
  bool slider_left = false;
  bool drawer_open = false;
  bool bulb_on = false;
  bool led_on = false;
  bool operator==(const InitialTable&) const = default;
};

struct PlayTableOptions {
  /// Varies colours, textures, lights and cameras with the seed of reset(). Off: as in the scene file.
  bool vary_appearance = true;
  bool shadows = false;  ///< doubles the cost of an image
  bool cameras = true;   ///< off: no renderer is created and observe() returns no images
};

/// A table-top world in the spirit of CALVIN's: a Panda arm, a drawer, a sliding door, a button with an
/// LED, a switch with a bulb, and three blocks, simulated by MuJoCo with real contacts: a block is
/// carried only by the friction of the finger pads.
///
/// Control runs at 30 Hz. Not thread-safe, but may move between threads; several may exist at once.
/// The same seed, options and actions give the same states on one machine.
class PlayTable {
 public:
  static constexpr double kControlHz = 30;

  /// Throws Error if rendering without a display cannot be set up.
  explicit PlayTable(const PlayTableOptions& options = {});
  PlayTable(PlayTable&&) noexcept;
  PlayTable& operator=(PlayTable&&) noexcept;
  ~PlayTable();

  /// A new table: the arm near CALVIN's initial pose, blocks at random free places on the table.
  void reset(const InitialTable& initial, std::uint64_t seed);
  /// The same with the initial table drawn from the seed too.
  void reset(std::uint64_t seed);
  /// Places arm and objects at random in their workspace, for images to train a vision tower. Not meant to be simulated
  /// further.
  void scatter(std::uint64_t seed);

  /// One control step. The action is CALVIN's relative action: position x 50 and Euler angle x 20 in
  /// the world frame, clipped to [-1, 1], added to the last target; gripper closes if negative.
  void step(const std::array<double, 7>& action);

  const TableState& state() const;
  std::array<double, 7> joints() const;  ///< rad
  RobotObs robot_obs() const;
  SceneObs scene_obs() const;
  /// The absolute TCP target after the last step: CALVIN's `actions` (x y z m, Euler rad, gripper).
  std::array<double, 7> target() const;

  struct Images {
    ImagePtr rgb_static;   ///< 200 x 200
    ImagePtr rgb_gripper;  ///< 84 x 84
  };
  /// Calibration of the cameras of render(), unchanged until the next reset.
  CameraCalibrationPtr cameras() const;
  /// Images are cached until the table changes.
  Images render();
  /// The static camera's view at another size, for display.
  ImagePtr render_static(int width, int height);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace deer
