// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <limits>

#include "core/base/action_layout.h"
#include "core/base/action_values.h"
#include "core/base/error.h"
#include "tests/support/suite.h"

using namespace deer;

// What the numbers of an action mean, and how they are kept.
class ActionLayoutTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void deers_action();
  void a_chunk_of_two_arms();
  void kinds_have_names();
  void what_is_no_layout_is_refused();
  void values_inside_and_in_a_block();
};

void ActionLayoutTest::deers_action() {
  const auto& deer = *ActionLayout::deer();
  QVERIFY(deer.is_deer() && deer.has_pose());
  QCOMPARE(deer.size(), std::size_t{7});
  QCOMPARE(std::vector(deer.compared().begin(), deer.compared().end()), (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5}));
  QCOMPARE(deer.dimensions()[0].scale, 20.0);
  QCOMPARE(deer.dimensions()[3].unit, std::string("°"));
  // A probability, and a command of +1 or -1.
  QVERIFY(deer.opens(6, 0.6) && !deer.opens(6, 0.5) && deer.opens(6, 1) && !deer.opens(6, -1));
  QVERIFY(ActionLayout(deer.dimensions()).is_deer());
  QVERIFY(!ActionLayout(deer.dimensions(), 2).is_deer());
}

void ActionLayoutTest::a_chunk_of_two_arms() {
  const ActionLayout layout({{"elbow", "rad", DimensionKind::joint},
                             {"left hand", "", DimensionKind::gripper, 1, 0},
                             {"wheel", "m/s", DimensionKind::other},
                             {"right hand", "", DimensionKind::gripper}},
                            3);
  QCOMPARE(layout.width(), std::size_t{4});
  QCOMPARE(layout.size(), std::size_t{12});
  QVERIFY(!layout.is_deer() && !layout.has_pose());
  QCOMPARE(std::vector(layout.compared().begin(), layout.compared().end()),
           (std::vector<std::uint32_t>{0, 2, 4, 6, 8, 10}));
  QCOMPARE(layout.compared_first().size(), std::size_t{2});
  QCOMPARE(std::vector(layout.grippers().begin(), layout.grippers().end()), (std::vector<std::uint32_t>{1, 3}));
  QVERIFY(layout.opens(1, 0.1) && !layout.opens(3, 0.1));
}

void ActionLayoutTest::kinds_have_names() {
  for (const auto kind : {DimensionKind::position, DimensionKind::rotation, DimensionKind::joint,
                          DimensionKind::gripper, DimensionKind::other}) {
    QVERIFY(dimension_kind(to_string(kind)) == kind);
  }
  QVERIFY(!dimension_kind("tail"));
}

void ActionLayoutTest::what_is_no_layout_is_refused() {
  using Dimensions = std::vector<ActionDimension>;
  const ActionDimension joint{"a", "rad", DimensionKind::joint};
  const auto refused = [](const Dimensions& dimensions, std::size_t steps = 1) {
    try {
      ActionLayout layout(dimensions, steps);
    } catch (const Error&) {
      return true;
    }
    return false;
  };
  QVERIFY(!refused({joint}));
  QVERIFY(refused({}));
  QVERIFY(refused({joint}, 0));
  QVERIFY(refused({joint}, ActionLayout::kMaxSteps + 1));
  QVERIFY(refused({joint, joint}));
  QVERIFY(refused({{"", "", DimensionKind::joint}}));
  QVERIFY(refused({{"a\nb", "", DimensionKind::joint}}));
  QVERIFY(refused({{"a", "", DimensionKind::joint, 0}}));
  QVERIFY(refused({{"a", "", DimensionKind::joint, std::numeric_limits<double>::infinity()}}));
  QVERIFY(refused({{"hand", "", DimensionKind::gripper}}));
  Dimensions many;
  for (std::size_t i = 0; i <= ActionLayout::kMaxDimensions; ++i) {
    many.push_back({std::to_string(i), "", DimensionKind::joint});
  }
  QVERIFY(refused(many));
  many.pop_back();
  QVERIFY(!refused(many) && refused(many, 1000));
}

void ActionLayoutTest::values_inside_and_in_a_block() {
  QVERIFY(ActionValues().empty());
  const std::vector<float> seven{1, 2, 3, 4, 5, 6, 7};
  const ActionValues inside{std::span<const float>(seven)};
  QCOMPARE(inside.size(), std::size_t{7});
  QCOMPARE(inside[6], 7.0F);
  const std::vector<float> many(20, 0.5F);
  const ActionValues own{std::span<const float>(many)};
  const auto copy = own;
  QVERIFY(copy == own && copy.data() == own.data());  // shared
  QVERIFY(!(own == inside));

  std::shared_ptr<float[]> block(new float[40]);
  std::fill_n(block.get(), 40, 0.5F);
  block[20] = 3;
  ActionValues second(block, 20, 20);
  QVERIFY(second.data() == block.get() + 20);
  const std::weak_ptr<float[]> watched = block;
  block.reset();
  QVERIFY(!watched.expired());
  QCOMPARE(second[0], 3.0F);
  second = {};
  QVERIFY(watched.expired());
}

DEER_SUITE(ActionLayoutTest)
#include "tst_action_layout.moc"
