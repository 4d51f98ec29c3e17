// SPDX-License-Identifier: GPL-3.0-or-later
#include <ATen/ATen.h>

#include <QTest>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/episodes/scene_block.h"
#include "core/train/vision/block_slots.h"
#include "core/train/vision/patch_reader.h"
#include "core/train/vision/vision_points.h"
#include "core/train/vision/vision_targets.h"
#include "tests/support/suite.h"

using namespace deer;

namespace {

// [frames, 8, 8], NaN where there is no block.
at::Tensor block_numbers(const std::vector<std::vector<SceneBlock>>& frames) {
  auto out =
      at::full({static_cast<std::int64_t>(frames.size()), 8, 8}, std::numeric_limits<float>::quiet_NaN(), at::kFloat);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    for (std::size_t k = 0; k < frames[i].size(); ++k) {
      const auto numbers = to_numbers(frames[i][k]);
      for (std::size_t n = 0; n < numbers.size(); ++n) {
        out[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(k)][static_cast<std::int64_t>(n)] = numbers[n];
      }
    }
  }
  return out;
}

SceneBlock block(BlockColour colour, double edge, double x, double z = 0.46) {
  return {{x, -0.1, z}, {0, 0, 0}, edge, colour};
}

std::int64_t slot(const std::string& name) {
  const auto names = block_slot_names();
  return std::ranges::find(names, name) - names.begin();
}

}  // namespace

class TestBlockSlots : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void looks_are_sorted_from_left_to_right() {
    using enum BlockColour;
    const auto names = block_slot_names();
    QCOMPARE(names.size(), std::size_t{16});
    const auto blocks = block_numbers({{block(green, 0.045, 0.1), block(red, 0.03, 0.05), block(green, 0.045, -0.2),
                                        block(red, 0.03, -0.1), block(red, 0.03, 0.15), block(pink, 0.045, 0, -3)},
                                       {}});
    auto scene = at::zeros({2, 24});
    for (int i = 0; i < 3; ++i) scene[1][6 + 6 * i] = 0.1 * i, scene[1][8 + 6 * i] = 0.46;
    const auto slots = block_slots(scene, blocks);
    QCOMPARE(slots.sizes().vec(), (std::vector<std::int64_t>{2, 16, 6}));
    const auto x = [&](std::int64_t frame, const std::string& name) {
      const auto found = slots[frame][slot(name)];
      return found[0].item<float>() > 0 ? found[1].item<double>() : -9;
    };
    const auto is = [](double found, double expected) { return std::abs(found - expected) < 1e-6; };
    QVERIFY(is(x(0, "large_green_1"), -0.2) && is(x(0, "large_green_2"), 0.1));
    QVERIFY(is(x(0, "small_red_1"), -0.1) && is(x(0, "small_red_2"), 0.05));  // the third is left out
    QVERIFY(is(x(0, "large_red_1"), -9) && is(x(0, "large_pink_1"), -9));     // fallen
    // CALVIN's table among them.
    QVERIFY(is(x(1, "large_red_1"), 0) && is(x(1, "large_blue_1"), 0.1) && is(x(1, "large_pink_1"), 0.2));
    QCOMPARE(slots[1].select(1, 0).sum().item<int>(), 3);
  }

  void recordings_of_calvins_table_have_none() {
    QVERIFY(!block_slots(at::zeros({2, 24}), block_numbers({{}, {}})).defined());
    const auto robot = at::zeros({1, 15});
    const auto scene = at::zeros({1, 24});
    QCOMPARE(static_camera_points(robot, scene).size(1), 4);
    const auto named = [](const CameraTargets& targets, const char* name) {
      return std::ranges::any_of(targets.quantities, [&](const auto& quantity) { return quantity.name == name; });
    };
    QVERIFY(named(static_camera_targets(robot, scene), "red_block"));
    QVERIFY(!named(static_camera_targets(robot, scene, false), "red_block"));
    QVERIFY(named(static_camera_targets(robot, scene, false), "slider"));
    QVERIFY(named(gripper_camera_targets(robot, scene), "red_block_from_tcp"));
    QVERIFY(!named(gripper_camera_targets(robot, scene, false), "red_block_from_tcp"));
  }

  void blocks_off_the_table_are_left_out() {
    using enum BlockColour;
    const auto blocks = block_numbers({{block(red, 0.045, 0.1), block(red, 0.045, 3), block(blue, 0.045, -9),
                                        block(pink, 0.045, 0, 0.1), block(green, 0.045, 0, 7)}});
    const auto slots = block_slots(at::zeros({1, 24}), blocks);
    QCOMPARE(slots.select(2, 0).sum().item<int>(), 1);
    QCOMPARE(slots[0][slot("large_red_1")][0].item<int>(), 1);
  }

  void yaw_repeats_every_quarter_turn() {
    SceneBlock turned = block(BlockColour::red, 0.045, 0);
    turned.euler[2] = 0.3;
    auto again = turned;
    again.euler[2] += std::numbers::pi / 2;
    const auto scene = at::zeros({2, 24});
    const auto slots = block_slots(scene, block_numbers({{turned}, {again}}));
    QVERIFY(at::allclose(slots[0], slots[1], 0, 1e-5));
    QVERIFY(std::abs(slots[0][0][4].item<double>() - std::sin(1.2)) < 1e-6);
    // A hand that is turned as the block sees it straight.
    auto robot = at::zeros({2, 15});
    robot[0][5] = 0.3;
    const auto seen = yaws_from_tcp(robot, slots);
    QVERIFY(at::allclose(seen[0][0], at::tensor({0.0F, 1.0F}), 0, 1e-6));
    QVERIFY(at::allclose(seen[1][0], at::tensor({std::sin(1.2F), std::cos(1.2F)}), 0, 1e-5));
  }

  void points_cover_the_slots() {
    auto robot = at::zeros({1, 15});
    robot[0][0] = -0.026242, robot[0][1] = -0.030233, robot[0][2] = 0.392;
    const auto scene = at::zeros({1, 24});
    const auto blocks = block_numbers({{{{-0.026242, -0.030233, 0.492}, {0, 0, 0}, 0.03, BlockColour::green}}});
    const auto slots = block_slots(scene, blocks);
    const auto points = static_camera_slot_points(slots)[0];
    QCOMPARE(points.size(0), 16);
    const auto shown = points[slot("small_green_1")];
    QCOMPARE(shown[2].item<int>(), 1);
    QVERIFY(shown[1].item<float>() < -0.1F);  // higher in the world, higher in the picture
    QCOMPARE(points.select(1, 2).sum().item<int>(), 1);
    QCOMPARE(gripper_camera_slot_points(robot, slots).size(1), 16);
  }

  // A reader that says exactly what the labels ask has the smallest loss, and no errors.
  void patches_are_read_at_the_blocks() {
    using enum BlockColour;
    const auto blocks = block_numbers({{block(green, 0.045, 0.1), block(red, 0.03, -0.15), block(red, 0.03, 0.05)},
                                       {block(blue, 0.045, -0.05), block(pink, 0.03, 0.15)}});
    const auto slots = block_slots(at::zeros({2, 24}), blocks);
    const auto labels = static_camera_labels(slots);
    QCOMPARE(labels.points.select(2, 2).sum().item<int>(), 5);
    constexpr std::int64_t kSide = 8, kLooks = 8;
    auto read = at::zeros({2, kSide * kSide, kLooks, 1 + PatchLabels::kValues});
    read.select(3, 0) -= 20;
    for (std::int64_t frame = 0; frame < 2; ++frame) {
      for (std::int64_t s = 0; s < slots.size(1); ++s) {
        if (slots[frame][s][0].item<float>() < 1) continue;
        const auto cell = [&](int axis) {
          return static_cast<std::int64_t>((labels.points[frame][s][axis].item<double>() + 1) / 2 * kSide);
        };
        const auto at = read[frame][cell(1) * kSide + cell(0)][s / kSlotsPerLook];
        at[0] = 20;
        at.narrow(0, 1, PatchLabels::kValues).copy_(labels.values[frame][s]);
      }
    }
    const auto frames = at::arange(2);
    QVERIFY(patch_loss(read, labels.points, labels.values).item<double>() < 1e-5);
    auto errors = patch_errors(read, labels, frames);
    QVERIFY(errors.position_mm < 1e-3 && errors.yaw_deg < 1e-3 && errors.missed == 0 && errors.invented == 0);

    read.select(3, 1) += 0.05 / labels.scale[0].item<double>();  // 5 cm to the side
    errors = patch_errors(read, labels, frames);
    QVERIFY(std::abs(errors.position_mm - 50) < 0.01);
    QVERIFY(patch_loss(read, labels.points, labels.values).item<double>() > 0.1);
    read.select(3, 0).fill_(20);  // blocks everywhere
    errors = patch_errors(read, labels, frames);
    QVERIFY(errors.missed == 0 && std::abs(errors.invented - (1 - 5.0 / (2 * 64 * 8))) < 1e-6);
    read.select(3, 0).fill_(-20);
    QCOMPARE(patch_errors(read, labels, frames).missed, 1.0);
  }
};

DEER_SUITE(TestBlockSlots)
#include "tst_block_slots.moc"
