// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/vision/patch_reader.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>
#include <numbers>

#include "core/model/torch_compat.h"
#include "core/train/vision/block_slots.h"
#include "core/train/vision/vision_points.h"

namespace deer {
namespace {

constexpr std::array<std::int64_t, 2> kOverFrames = {0, 1};  // and slots
constexpr double kHuberBeta = 0.1;                           // in standard deviations, as for the other quantities
constexpr double kBlocksPerImage = 6;                        // roughly: the loss is about that of one block
constexpr double kFewBlocks = -4;                            // log odds at the start: most patches show none
constexpr std::int64_t kYaw = 3;                             // first column of the yaw

std::int64_t looks() { return static_cast<std::int64_t>(block_slot_names().size()) / kSlotsPerLook; }

PatchLabels normalised(at::Tensor points, const at::Tensor& values) {
  PatchLabels out;
  const auto weight = points.narrow(2, 2, 1);
  const auto total = weight.sum(kOverFrames).clamp_min(1);
  out.mean = (values * weight).sum(kOverFrames) / total;
  out.scale = ((values - out.mean).square() * weight).sum(kOverFrames).div(total).sqrt().clamp_min(0.01);
  out.values = (values - out.mean) / out.scale;
  out.points = std::move(points);
  return out;
}

// [N, S]: the patch of each point, numbered row by row.
at::Tensor patches_of(const at::Tensor& points, std::int64_t side) {
  const auto place = ((points.narrow(2, 0, 2) + 1) * (0.5 * static_cast<double>(side))).floor().clamp(0, side - 1);
  return (place.select(2, 1) * side + place.select(2, 0)).to(at::kLong);
}

// [N, S, 1 + kValues]: what each slot's patch says about the slot's look.
at::Tensor at_points(const at::Tensor& read, const at::Tensor& points) {
  const auto side = std::lround(std::sqrt(static_cast<double>(read.size(1))));
  const auto look = at::arange(points.size(1), at::kLong).div(kSlotsPerLook, "floor");
  const auto index = patches_of(points, side) * read.size(2) + look;
  return read.flatten(1, 2).gather(1, index.unsqueeze(2).expand({-1, -1, read.size(3)}));
}

// [N, P, looks]: 1 where a block of the look has its centre.
at::Tensor shown(const at::Tensor& points, std::int64_t patches) {
  const auto side = std::lround(std::sqrt(static_cast<double>(patches)));
  const auto look = at::arange(points.size(1), at::kLong).div(kSlotsPerLook, "floor");
  const auto index = patches_of(points, side) * looks() + look;
  return at::zeros({points.size(0), patches * looks()})
      .scatter_add_(1, index, points.select(2, 2).contiguous())
      .clamp_max(1)
      .view({points.size(0), patches, looks()});
}

}  // namespace

PatchLabels static_camera_labels(const at::Tensor& slots) {
  return normalised(static_camera_slot_points(slots), slots.narrow(2, 1, PatchLabels::kValues));
}

PatchLabels gripper_camera_labels(const at::Tensor& robot_obs, const at::Tensor& slots) {
  return normalised(gripper_camera_slot_points(robot_obs, slots),
                    at::cat({places_from_tcp(robot_obs, slots), yaws_from_tcp(robot_obs, slots)}, 2));
}

std::vector<ParameterSpec> patch_reader_specs(const std::string& prefix, std::int64_t width) {
  using Start = ParameterSpec::Start;
  const auto outputs = looks() * (1 + PatchLabels::kValues);
  return {{prefix + "norm.weight", {width}, Start::ones},
          {prefix + "norm.bias", {width}, Start::zeros},
          {prefix + "weight", {outputs, width}, Start::normal, 1 / std::sqrt(static_cast<double>(width)), true},
          {prefix + "bias", {outputs}, Start::zeros}};
}

at::Tensor read_patches(const std::map<std::string, at::Tensor>& parameters, const std::string& prefix,
                        const at::Tensor& tokens) {
  const auto get = [&](const char* name) -> const at::Tensor& { return parameters.at(prefix + name); };
  const auto x = layer_norm(tokens.to(at::kFloat), get("norm.weight"), get("norm.bias"));
  return at::linear(x, get("weight"), get("bias")).view({x.size(0), x.size(1), looks(), 1 + PatchLabels::kValues});
}

at::Tensor patch_loss(const at::Tensor& read, const at::Tensor& points, const at::Tensor& values) {
  const auto odds = read.select(3, 0) + kFewBlocks;
  const auto there = shown(points, read.size(1));
  const auto presence = (at::softplus(odds) - odds * there).sum();
  const auto found = at_points(read, points).narrow(2, 1, PatchLabels::kValues);
  const auto error = at::smooth_l1_loss(found, values, at::Reduction::None, kHuberBeta);
  return (presence + (error * points.narrow(2, 2, 1)).sum()) / kBlocksPerImage;
}

PatchErrors patch_errors(const at::Tensor& read, const PatchLabels& labels, const at::Tensor& frames) {
  const auto points = labels.points.index_select(0, frames);
  const auto visible = points.select(2, 2);
  const auto blocks = visible.sum().clamp_min(1);
  const auto said = at_points(read, points);
  const auto values = said.narrow(2, 1, PatchLabels::kValues) * labels.scale + labels.mean;
  const auto truth = labels.values.index_select(0, frames) * labels.scale + labels.mean;
  const auto angle = [](const at::Tensor& v) { return at::atan2(v.select(2, kYaw), v.select(2, kYaw + 1)); };
  const auto turned = angle(values) - angle(truth);
  const auto mean = [&](const at::Tensor& error) { return ((error * visible).sum() / blocks).item<double>(); };
  const auto there = shown(points, read.size(1));
  const auto claims = (read.select(3, 0) + kFewBlocks > 0).to(at::kFloat);

  PatchErrors out;
  out.position_mm = 1000 * mean((values.narrow(2, 0, 3) - truth.narrow(2, 0, 3)).norm(2, {2}));
  out.yaw_deg = mean(at::atan2(turned.sin(), turned.cos()).abs()) * (180 / std::numbers::pi / 4);
  out.missed = mean((said.select(2, 0) + kFewBlocks <= 0).to(at::kFloat));
  out.invented = ((claims * (1 - there)).sum() / claims.sum().clamp_min(1)).item<double>();
  return out;
}

}  // namespace deer
