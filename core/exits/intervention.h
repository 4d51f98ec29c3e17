// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/exits/frame_record.h"

namespace deer {

enum class CameraName { static_camera, gripper };

/// A change of what the model sees, or of what it can attend to, made to find out what its exits depend on.
struct Intervention {
  /// Rectangle of a picture in fractions of its size, from the top left.
  struct Rectangle {
    double x = 0, y = 0, width = 1, height = 1;
    bool operator==(const Rectangle&) const = default;
  };
  /// Paints a rectangle, by default all of the picture, in the mean colour of CLIP's training images.
  struct Cover {
    CameraName camera = CameraName::static_camera;
    Rectangle rectangle;
    bool operator==(const Cover&) const = default;
  };
  /// Adds Gaussian noise to every value of a picture, another one in every frame.
  struct Noise {
    CameraName camera = CameraName::static_camera;
    double deviation = 0;  ///< 0 to 255
    std::uint64_t seed = 0;
    bool operator==(const Noise&) const = default;
  };
  /// Hides a camera from the cross-attention of some layers.
  struct Knockout {
    int first_layer = 0;  ///< decoder layers, both included
    int last_layer = 0;
    std::optional<int> head;  ///< none: all
    CameraName camera = CameraName::static_camera;
    bool operator==(const Knockout&) const = default;
  };

  std::optional<std::string> instruction;  ///< in place of the recorded one
  std::string without_word;                ///< removed from the instruction, wherever it stands as a word
  std::vector<Cover> covers;
  std::vector<Noise> noises;
  std::vector<Knockout> knockouts;

  bool empty() const { return *this == Intervention(); }
  bool operator==(const Intervention&) const = default;
};

/// Reads interventions as `deer run --intervene` takes them, which add up:
///
///     instruction=open the drawer     without=red
///     cover=static                    cover=gripper:0.25,0.25,0.5,0.5      (x, y, width, height)
///     noise=static:20                 noise=static:20:7                    (deviation, seed)
///     hide=gripper:3                  hide=static:0-5                      hide=static:3:1     (layers, head)
///
/// Throws Error saying what was found and expected.
Intervention parse_intervention(std::span<const std::string> words);

/// The same words, in one order.
std::vector<std::string> to_words(const Intervention& intervention);
/// The same as one line, for people: "static camera covered, without “red”". `first_number`: that of the first layer
/// and head; the words count from 0.
std::string describe(const Intervention& intervention, std::int64_t first_number = 0);

/// The frame as the model is to see it. Throws Error if it lacks a camera that is to be changed.
FrameInput apply(const Intervention& intervention, const FrameInput& input);

}  // namespace deer
