// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/camera_encoder.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/model/image_preprocess.h"

namespace deer {
namespace {

// From this width on, one picture keeps all cores of a CPU busy.
constexpr std::int64_t kLargeTower = 512;

bool is_same(const ImagePtr& a, const ImagePtr& b) {
  return a == b || (a && b && a->width == b->width && a->height == b->height && a->rgb == b->rgb);
}

}  // namespace

CameraEncoder::CameraEncoder(const MultiExitModel& model)
    : model_(model), one_at_a_time_(model.device().is_cpu() && model.config().vision.width >= kLargeTower) {}

int CameraEncoder::look(const ImagePtr& static_picture, const ImagePtr& gripper_picture) {
  const std::array pictures = {static_picture, gripper_picture};
  const auto is_known = [&](std::size_t i) { return is_same(cameras_[i].picture, pictures[i]); };
  const bool both_known = is_known(0) && is_known(1);
  int encoded = 0;
  for (std::size_t i = 0; i < cameras_.size(); ++i) {
    if (one_at_a_time_ ? is_known(i) : both_known) {
      encoded += cameras_[i].latents.defined() ? 1 : 0;
    } else {
      cameras_[i] = {pictures[i], planes(*pictures[i]), {}, {}};
    }
  }
  return encoded;
}

void CameraEncoder::encode() {
  if (!one_at_a_time_ && cameras_[0].planes.defined() && cameras_[1].planes.defined()) {
    const auto both = model_.vision().forward(at::cat({cameras_[0].planes, cameras_[1].planes})).tokens;
    for (std::size_t i = 0; i < cameras_.size(); ++i) {
      cameras_[i].tokens = both.narrow(0, static_cast<std::int64_t>(i), 1);
      cameras_[i].planes.reset();
    }
  }
  for (auto& camera : cameras_) {
    if (!camera.planes.defined()) continue;
    camera.tokens = model_.vision().forward(camera.planes).tokens;
    camera.planes.reset();
  }
}

at::Tensor CameraEncoder::media() {
  if (!one_at_a_time_ && !cameras_[0].latents.defined() && !cameras_[1].latents.defined()) {
    const auto both = model_.resampler().forward(at::cat({cameras_[0].tokens, cameras_[1].tokens}));
    for (std::size_t i = 0; i < cameras_.size(); ++i) {
      cameras_[i].latents = both.narrow(0, static_cast<std::int64_t>(i), 1);
    }
  }
  for (auto& camera : cameras_) {
    if (!camera.latents.defined()) camera.latents = model_.resampler().forward(camera.tokens);
  }
  return MultiExitModel::join_media(cameras_[0].latents, cameras_[1].latents);
}

at::Tensor CameraEncoder::tokens(const ImagePtr& static_picture, const ImagePtr& gripper_picture) const {
  const auto is_encoded = [](const Camera& camera, const ImagePtr& picture) {
    return camera.tokens.defined() && is_same(camera.picture, picture);
  };
  if (is_encoded(cameras_[0], static_picture) && is_encoded(cameras_[1], gripper_picture)) {
    return at::cat({cameras_[0].tokens, cameras_[1].tokens});
  }
  CameraEncoder other(model_);
  other.look(static_picture, gripper_picture);
  other.encode();
  return at::cat({other.cameras_[0].tokens, other.cameras_[1].tokens});
}

at::Tensor CameraEncoder::planes(const Image& picture) const {
  const auto size = model_.config().vision.image_size;
  const auto prepared = preprocess_image(picture, static_cast<int>(size));
  return at::tensor(prepared.planes, at::kFloat).view({1, 3, size, size}).to(model_.device());
}

}  // namespace deer
