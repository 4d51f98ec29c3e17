// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <optional>

#include "core/base/image.h"
#include "core/model/multi_exit_model.h"

namespace deer {

/// Turns the pictures of both cameras into the decoder's media, in the stages that are timed apart. A picture that is
/// the one before again, pixel by pixel, is not encoded again, with the same numbers as if it were. Not thread-safe.
class CameraEncoder {
 public:
  /// `model` has to live longer.
  explicit CameraEncoder(const MultiExitModel& model) : model_(model) {}

  /// Takes the pictures of a frame, neither null, and prepares those that are new.
  /// Returns how many need not be encoded again. Throws Error if a picture is empty.
  int look(const ImagePtr& static_picture, const ImagePtr& gripper_picture);
  void encode();       ///< the vision tower
  at::Tensor media();  ///< the resampler: [1, 2 * latents, dim]

  /// Whether one picture can be encoded without the other. Two together are faster than one after the other, and the
  /// tower may round differently for one than for two: found out when only one is new for the first time.
  bool takes_one() const { return takes_one_.value_or(false); }

  /// Patch tokens of two pictures [2, patches, width], without forgetting those of the frame.
  at::Tensor tokens(const ImagePtr& static_picture, const ImagePtr& gripper_picture) const;

 private:
  struct Camera {
    ImagePtr picture;
    at::Tensor planes;  // [1, 3, size, size]
    at::Tensor tokens;  // [1, patches, width]; undefined until encoded
  };

  at::Tensor planes(const Image& picture) const;
  void encode_both();

  const MultiExitModel& model_;
  std::array<Camera, 2> cameras_;  // static, gripper
  at::Tensor media_;               // of both; undefined if a picture is new
  std::optional<bool> takes_one_;
};

}  // namespace deer
