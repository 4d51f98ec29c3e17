// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "core/episodes/calvin/calvin_writer.h"
#include "core/train/base/seeded_random.h"
#include "tests/support/temporary_folder.h"

namespace deer::test {

struct Drawing {
  int segments = 1;
  int frames = 20;  ///< of a segment
  std::uint64_t seed = 0;
  int shortest_span = 0;  ///< every third annotation is that short; 0: all cover their segment
  int image_size = 32;
  bool many_blocks = false;  ///< also five blocks beside CALVIN's, as on the tables of the suite "referring"
};

/// Records a split with drawn pictures: three coloured squares where scene_obs says the blocks are, a
/// bar for the slider, and a lamp.
inline void record_drawings(const std::filesystem::path& split, const Drawing& drawing) {
  struct TaskName {
    const char* task;
    const char* instruction;
  };
  static const std::vector<TaskName> kTasks = {{"open_drawer", "open the drawer"},
                                               {"push_red_block_left", "push the red block left"},
                                               {"turn_on_led", "turn on the led"}};
  CalvinWriterOptions options;
  options.flush_every = std::chrono::seconds(0);
  CalvinWriter writer(split, options);
  SeededRandom random{drawing.seed};
  const int size = drawing.image_size;
  const auto canvas = [&](std::uint8_t shade) {
    auto image = std::make_shared<Image>(Image{size, size, {}});
    image->rgb.assign(static_cast<std::size_t>(size * size * 3), shade);
    return image;
  };
  const auto fill = [&](Image& image, int x0, int y0, int x1, int y1, const std::array<int, 3>& colour) {
    for (int y = std::max(0, y0); y < std::min(size, y1); ++y) {
      for (int x = std::max(0, x0); x < std::min(size, x1); ++x) {
        for (int c = 0; c < 3; ++c) {
          image.rgb[static_cast<std::size_t>((y * size + x) * 3 + c)] =
              static_cast<std::uint8_t>(colour[static_cast<std::size_t>(c)]);
        }
      }
    }
  };
  constexpr std::array<std::array<int, 3>, 3> kColours = {{{220, 20, 20}, {20, 20, 220}, {230, 120, 180}}};
  for (int segment = 0; segment < drawing.segments; ++segment) {
    writer.begin_segment();
    std::int64_t first = 0, last = 0;
    for (int i = 0; i < drawing.frames; ++i) {
      CalvinStep step;
      const auto fixed = canvas(150);
      const auto gripper = canvas(90);
      for (std::size_t block = 0; block < 3; ++block) {
        const double x = random.uniform(-0.3, 0.3), y = random.uniform(-0.3, 0.3);
        step.scene_obs[6 + 6 * block] = x;
        step.scene_obs[7 + 6 * block] = y;
        step.scene_obs[8 + 6 * block] = 0.46;
        const int px = static_cast<int>(std::lround(size * (0.5 + x / 0.8)));
        const int py = static_cast<int>(std::lround(size * (0.5 - y / 0.8)));
        const int half = size / 10;
        fill(*fixed, px - half, py - half, px + half, py + half, kColours[block]);
        fill(*gripper, px - half, py - half, px + half, py + half, kColours[block]);
      }
      for (int block = 0; drawing.many_blocks && block < 5; ++block) {
        SceneBlock one;
        one.position = {random.uniform(-0.3, 0.3), random.uniform(-0.3, 0.3), 0.46};
        one.colour = kBlockColours[static_cast<std::size_t>(block) % kBlockColours.size()];
        one.edge = block < 2 ? 0.03 : 0.045;
        step.blocks.push_back(one);
      }
      step.scene_obs[0] = random.uniform(0, 0.28);
      fill(*fixed, 0, 0, static_cast<int>(size * step.scene_obs[0] / 0.28), 3, {250, 250, 0});
      step.scene_obs[4] = static_cast<double>(random.below(2));
      fill(*fixed, size - 4, size - 4, size, size,
           step.scene_obs[4] > 0 ? std::array{255, 255, 255} : std::array{0, 0, 0});
      step.robot_obs[2] = 0.5;
      step.robot_obs[3] = 3.1;
      step.robot_obs[6] = random.uniform(0, 0.08);
      for (std::size_t c = 0; c < 6; ++c) step.rel_action[c] = random.uniform(-1, 1);
      step.rel_action[6] = random.below(2) == 0 ? -1 : 1;
      step.rgb_static = fixed;
      step.rgb_gripper = gripper;
      last = writer.add(step);
      if (i == 0) first = last;
    }
    const auto& task = kTasks[static_cast<std::size_t>(segment) % kTasks.size()];
    if (drawing.shortest_span > 0 && segment % 3 == 0) last = first + drawing.shortest_span - 1;
    writer.annotate({first, last}, task.instruction, task.task);
  }
  writer.flush();
}

}  // namespace deer::test
