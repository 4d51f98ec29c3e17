// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <limits>

#include "tests/support/suite.h"
#include "widgets/base/min_max_column.h"

namespace deer {
namespace {

constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

}  // namespace

class MinMaxColumnTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void extents_match_a_plain_search();
  void columns_grow();
};

void MinMaxColumnTest::extents_match_a_plain_search() {
  constexpr int kFrames = 5000;
  MinMaxColumn column;
  column.reset(kFrames);
  std::vector<float> plain(kFrames, kNone);
  unsigned seed = 7;
  const auto random = [&seed](int below) { return int((seed = seed * 1664525 + 1013904223) >> 8) % below; };
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 90; ++i) {
      const int at = random(kFrames);
      plain[std::size_t(at)] = random(10) == 0 ? kNone : float(random(1000)) - 500;
      column.set(at, plain[std::size_t(at)]);
    }
    int first = random(kFrames), last = random(kFrames);
    if (first > last) std::swap(first, last);
    Extent expected;
    for (int i = first; i <= last; ++i) {
      if (!std::isnan(plain[std::size_t(i)])) expected.add({plain[std::size_t(i)], plain[std::size_t(i)], 1});
    }
    const Extent found = column.extent(first, last);
    QCOMPARE(found.count, expected.count);
    if (expected.count == 0) continue;
    QCOMPARE(found.min, expected.min);
    QCOMPARE(found.max, expected.max);
  }
}

void MinMaxColumnTest::columns_grow() {
  MinMaxColumn column, whole;
  column.reset(0);
  constexpr int kFrames = 600;
  whole.reset(kFrames);
  for (int frame = 0; frame < kFrames; ++frame) {
    const auto value = float((frame * 37) % 101) - 50;
    if (frame % 7 == 0) column.grow(std::min(kFrames, frame + 7));
    if (frame % 11 == 3) continue;
    column.set(frame, value);
    whole.set(frame, value);
    const Extent all = column.extent(0, frame);
    const Extent expected = whole.extent(0, frame);
    QCOMPARE(all.count, expected.count);
    QCOMPARE(all.min, expected.min);
    QCOMPARE(all.max, expected.max);
  }
  QCOMPARE(column.size(), kFrames);
  QCOMPARE(column.all().count, whole.all().count);
}

}  // namespace deer

DEER_SUITE(deer::MinMaxColumnTest)
#include "tst_min_max_column.moc"
