// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/model/camera_encoder.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/model/image_preprocess.h"

namespace deer {
namespace {

bool is_same(const ImagePtr& a, const ImagePtr& b) {
  return a == b || (a && b && a->width == b->width && a->height == b->height && a->rgb == b->rgb);
}

}  // namespace

int CameraEncoder::look(const ImagePtr& static_picture, const ImagePtr& gripper_picture) {
  const std::array pictures = {static_picture, gripper_picture};
  int encoded = 0;
  for (std::size_t i = 0; i < cameras_.size(); ++i) {
    auto& camera = cameras_[i];
    if (!is_same(camera.picture, pictures[i])) {
      camera = {pictures[i], planes(*pictures[i]), {}};
      media_.reset();
    }
    encoded += camera.tokens.defined() ? 1 : 0;
  }
  return encoded == 1 && !takes_one() ? 0 : encoded;
}

void CameraEncoder::encode_both() {
  const auto both = model_.vision().forward(at::cat({cameras_[0].planes, cameras_[1].planes})).tokens;
  for (std::size_t i = 0; i < cameras_.size(); ++i) {
    cameras_[i].tokens = both.narrow(0, static_cast<std::int64_t>(i), 1);
  }
}

void CameraEncoder::encode() {
  const auto is_new = [](const Camera& camera) { return !camera.tokens.defined(); };
  const auto count = std::count_if(cameras_.begin(), cameras_.end(), is_new);
  if (count == 0) return;
  if (count == 2 || takes_one_ == false) return encode_both();
  auto& one = *std::find_if(cameras_.begin(), cameras_.end(), is_new);
  const auto alone = model_.vision().forward(one.planes).tokens;
  if (takes_one_) {
    one.tokens = alone;
  } else {
    encode_both();
    takes_one_ = at::equal(alone, one.tokens);
  }
}

at::Tensor CameraEncoder::media() {
  if (!media_.defined()) {
    const auto latents = model_.resampler().forward(at::cat({cameras_[0].tokens, cameras_[1].tokens}));
    media_ = MultiExitModel::join_media(latents.narrow(0, 0, 1), latents.narrow(0, 1, 1));
  }
  return media_;
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
