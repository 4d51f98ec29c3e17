// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <memory>
#include <span>

#include "core/train/data/frame_store.h"
#include "core/train/data/image_batch.h"
#include "core/train/vision/patch_reader.h"
#include "core/train/vision/state_reader.h"
#include "core/train/vision/vision_options.h"
#include "core/train/vision/vision_targets.h"
#include "core/train/vision/vision_tower.h"

namespace deer {

/// Training data of one camera: its images, targets, and the reader that predicts them.
struct VisionCamera {
  std::string name;       ///< "static" or "gripper"
  at::Tensor images;      ///< uint8 [N, 3, S, S]
  CameraTargets targets;  ///< of every frame
  at::Tensor points;      ///< [N, K, 3], see vision_points.h; K may be 0
  PatchLabels patches;    ///< not defined without other blocks than CALVIN's
  at::Tensor mean;        ///< [T]: weighted mean of the training frames
  at::Tensor scale;       ///< [T]: their standard deviation
  StateReaderSizes sizes;
  int shift = 0;  ///< largest, in pixels

  std::string prefix() const { return name + "_reader."; }
  std::string latent_prefix() const { return name + "_latent_reader."; }
  std::string patch_prefix() const { return name + "_patch_reader."; }
};

/// Predictions of the readers for some frames, in physical units, and the loss summed over the frames.
struct VisionReading {
  /// By camera: [B, T]; then the same from the resampler's latents, undefined if it is not trained.
  std::array<at::Tensor, 4> values;
  std::array<at::Tensor, 2> patches;  ///< by camera, as read_patches(); undefined without labels
  double loss = 0;
};

/// The tower, the resampler if it is trained, the readers and their gradients. Threads process parts of a batch with
/// separate leaf tensors.
class VisionLearner {
 public:
  VisionLearner(const FrameStore& store, const std::vector<std::int64_t>& training_frames,
                const VisionPretrainingOptions& options);
  ~VisionLearner();

  FlatParameters& parameters() { return parameters_; }
  const FlatParameters& parameters() const { return parameters_; }
  const std::array<VisionCamera, 2>& cameras() const { return cameras_; }
  std::map<std::string, at::Tensor> taught() const;  ///< tower and resampler, float32 copies

  /// Mean loss over `frames` with the augmentation of `step`; sets gradients().
  double compute_gradients(std::span<const std::int64_t> frames, std::int64_t step, const std::stop_token& stop);
  const at::Tensor& gradients() const { return gradients_; }  ///< float32 [P]

  /// Reads `frames` without augmentation.
  VisionReading read(std::span<const std::int64_t> frames, const std::stop_token& stop);

 private:
  struct Worker;
  struct Changes {
    std::vector<PixelShift> shifts;
    std::vector<ColourChange> colours;
  };

  void share_out(std::int64_t count, const std::stop_token& stop,
                 const std::function<void(Worker&, std::int64_t, std::int64_t)>& work);
  Changes draw_changes(const VisionCamera& camera, std::span<const std::int64_t> frames, std::int64_t step) const;
  at::Tensor value_loss(const VisionCamera& camera, const at::Tensor& values,
                        std::span<const std::int64_t> frames) const;
  /// Points [B, K, 3] of these frames in the changed images.
  at::Tensor moved(const at::Tensor& points, std::span<const std::int64_t> frames, const Changes& changes) const;
  at::Tensor point_loss(const VisionCamera& camera, const at::Tensor& looks, const at::Tensor& points) const;
  /// The loss summed over `frames`. With a step, the images are augmented; without, the predictions are returned.
  at::Tensor pass(Worker& worker, std::span<const std::int64_t> frames, const std::int64_t* step,
                  VisionReading* reading) const;

  const VisionPretrainingOptions options_;
  std::array<VisionCamera, 2> cameras_;
  FlatParameters parameters_;
  at::Tensor gradients_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace deer
