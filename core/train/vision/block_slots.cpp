// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/vision/block_slots.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/episodes/scene_block.h"
#include "core/train/vision/vision_targets.h"

namespace deer {
namespace {

constexpr double kSmallerEdge = 0.0375;  // m: between the two sizes
// The room above the table, with its drawer and slider (m).
constexpr std::array kLowest = {-0.6, -0.6, 0.2}, kHighest = {0.6, 0.4, 1.0};
constexpr std::int64_t kColumns = 6;
constexpr std::array kLookColours = {"red", "blue", "pink", "green"};
static_assert(kLookColours.size() == kBlockColours.size());

std::vector<SceneBlock> calvins_blocks(const float* scene_obs) {
  std::vector<SceneBlock> out;
  for (std::size_t i = 0; i < 3; ++i) {
    SceneBlock block;
    std::copy_n(scene_obs + 6 + 6 * i, 3, block.position.begin());
    std::copy_n(scene_obs + 9 + 6 * i, 3, block.euler.begin());
    block.colour = kBlockColours[i];
    out.push_back(block);
  }
  return out;
}

// Others fell off it, or were thrown far away.
bool is_at_table(const std::array<double, 3>& position) {
  for (std::size_t i = 0; i < 3; ++i) {
    if (!(position[i] > kLowest[i] && position[i] < kHighest[i])) return false;
  }
  return true;
}

std::size_t look_of(const SceneBlock& block) {
  return 2 * static_cast<std::size_t>(block.colour) + (block.edge < kSmallerEdge ? 1 : 0);
}

}  // namespace

std::vector<std::string> block_slot_names() {
  std::vector<std::string> out;
  for (const char* colour : kLookColours) {
    for (const char* size : {"large_", "small_"}) {
      for (std::int64_t i = 1; i <= kSlotsPerLook; ++i)
        out.push_back(size + std::string(colour) + "_" + std::to_string(i));
    }
  }
  return out;
}

bool has_blocks(const at::Tensor& blocks) { return blocks.defined() && !at::isnan(blocks).all().item<bool>(); }

at::Tensor block_slots(const at::Tensor& scene_obs, const at::Tensor& blocks) {
  if (!has_blocks(blocks)) return {};
  const auto frames = blocks.size(0);
  const auto names = static_cast<std::int64_t>(block_slot_names().size());
  auto out = at::zeros({frames, names, kColumns}, at::kFloat);
  const auto scene = scene_obs.to(at::kFloat).contiguous();
  const auto numbers = blocks.to(at::kFloat).contiguous();
  const auto a_frame = static_cast<std::size_t>(numbers.size(1) * numbers.size(2));
  auto* values = out.data_ptr<float>();
  for (std::int64_t frame = 0; frame < frames; ++frame) {
    auto found = scene_blocks({numbers.data_ptr<float>() + static_cast<std::size_t>(frame) * a_frame, a_frame});
    if (found.empty()) found = calvins_blocks(scene.data_ptr<float>() + frame * scene.size(1));
    std::ranges::sort(found, {}, [](const SceneBlock& block) { return block.position[0]; });
    std::array<std::int64_t, 2 * kBlockColours.size()> used{};
    for (const auto& block : found) {
      const auto look = look_of(block);
      if (!is_at_table(block.position) || used[look] == kSlotsPerLook) continue;
      const auto slot = static_cast<std::int64_t>(look) * kSlotsPerLook + used[look]++;
      auto* const place = values + (frame * names + slot) * kColumns;
      *place = 1;
      std::copy_n(block.position.begin(), 3, place + 1);
      place[4] = static_cast<float>(std::sin(4 * block.euler[2]));
      place[5] = static_cast<float>(std::cos(4 * block.euler[2]));
    }
  }
  return out;
}

at::Tensor places_from_tcp(const at::Tensor& robot_obs, const at::Tensor& slots) {
  std::vector<at::Tensor> out;
  for (std::int64_t i = 0; i < slots.size(1); ++i) {
    out.push_back(from_tcp(robot_obs, slots.select(1, i).narrow(1, 1, 3)));
  }
  return at::stack(out, 1);
}

at::Tensor yaws_from_tcp(const at::Tensor& robot_obs, const at::Tensor& slots) {
  constexpr std::int64_t kTcpYaw = 5;
  const auto own = robot_obs.narrow(1, kTcpYaw, 1) * 4;
  const auto sine = slots.select(2, 4), cosine = slots.select(2, 5);
  return at::stack({sine * own.cos() - cosine * own.sin(), cosine * own.cos() + sine * own.sin()}, 2);
}

}  // namespace deer
