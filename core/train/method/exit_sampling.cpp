// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/method/exit_sampling.h"

namespace deer {
namespace {

at::Tensor pick(const at::Tensor& features, const at::Tensor& exit_of_frame) {
  const auto index = exit_of_frame.to(features.device()).unsqueeze(0).unsqueeze(-1);
  return features.gather(0, index.expand({1, -1, -1, features.size(3)})).squeeze(0);
}

}  // namespace

ExitSample sample_exits(std::int64_t exits, std::int64_t windows, std::int64_t window, at::Generator generator) {
  ExitSample out;
  out.every_frame = at::randint(0, exits, {windows, window}, generator, at::kLong);
  out.switch_frame = at::randint(1, window + 1, {1}, generator, at::kLong).item<std::int64_t>();
  out.before_and_after = at::randint(0, exits, {windows, 2}, generator, at::kLong);
  return out;
}

at::Tensor mix_every_frame(const at::Tensor& features, const ExitSample& sample) {
  return pick(features, sample.every_frame);
}

at::Tensor mix_before_and_after(const at::Tensor& features, const ExitSample& sample) {
  const auto window = features.size(2);
  const auto before = sample.before_and_after.narrow(1, 0, 1).expand({-1, sample.switch_frame});
  const auto after = sample.before_and_after.narrow(1, 1, 1).expand({-1, window - sample.switch_frame});
  return pick(features, at::cat({before, after}, 1));
}

}  // namespace deer
