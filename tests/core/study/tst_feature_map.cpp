// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <random>

#include "core/base/error.h"
#include "core/study/feature_map.h"
#include "tests/support/suite.h"

using namespace deer;

namespace {

FrameRecordPtr record(std::int64_t frame, std::vector<float> shallow, std::vector<float> deep, int taken) {
  FrameRecord out;
  out.frame = frame;
  out.exit_layer = taken;
  out.exits.resize(2);
  out.exits[0].layer = 1;
  out.exits[0].feature = std::move(shallow);
  out.exits[1].layer = 3;
  out.exits[1].feature = std::move(deep);
  return std::make_shared<const FrameRecord>(std::move(out));
}

}  // namespace

class TestFeatureMap : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  // Points on a tilted ellipse in ten dimensions: the map is that ellipse, whatever the rotation.
  void finds_the_plane_of_an_ellipse() {
    std::vector<FrameRecordPtr> records;
    for (int i = 0; i < 200; ++i) {
      const double angle = 2 * M_PI * i / 200;
      std::vector<float> feature(10, 4.0F);
      feature[2] += static_cast<float>(5 * std::cos(angle) * 0.6);
      feature[7] += static_cast<float>(5 * std::cos(angle) * 0.8);
      feature[5] += static_cast<float>(2 * std::sin(angle));
      records.push_back(record(i, {1, 2, 3}, feature, 3));
    }
    const auto map = map_features(records, 3);
    QCOMPARE(map.frames, 200u);
    for (int i = 0; i < 200; ++i) {
      const double angle = 2 * M_PI * i / 200;
      const auto& place = map.places[static_cast<std::size_t>(i)];
      QVERIFY(std::abs(static_cast<double>(place[0]) - 5 * std::cos(angle)) < 1e-4);
      QVERIFY(std::abs(static_cast<double>(place[1]) - 2 * std::sin(angle)) < 1e-4);
    }
    QVERIFY(std::abs(map.shares[0] - 25.0 / 29) < 1e-6);
    QVERIFY(std::abs(map.shares[1] - 4.0 / 29) < 1e-6);
    // The exit taken is the deep one; the shallow features are all the same.
    QCOMPARE(map_features(records, {}).places, map.places);
    const auto flat = map_features(records, 1);
    QCOMPARE(flat.places[17][0], 0.0F);
    QCOMPARE(flat.shares[0], 0.0);
  }

  void many_frames_are_thinned_but_all_placed() {
    std::vector<FrameRecordPtr> records;
    std::mt19937 random(1);
    std::normal_distribution<float> draw;
    for (int i = 0; i < 3000; ++i)
      records.push_back(record(i, {3 * draw(random), draw(random), 0.1F * draw(random)}, {}, 1));
    const auto map = map_features(records, 1, 500);
    QCOMPARE(map.frames, 3000u);
    double one = 0, two = 0;
    for (const auto& place : map.places) {
      QVERIFY(std::isfinite(place[0]) && std::isfinite(place[1]));
      one += static_cast<double>(place[0]) * place[0];
      two += static_cast<double>(place[1]) * place[1];
    }
    QVERIFY(std::abs(one / 3000 - 9) < 0.8 && std::abs(two / 3000 - 1) < 0.15);
  }

  void what_is_missing_has_no_place() {
    std::vector<FrameRecordPtr> records{record(0, {1, 0}, {}, 1), nullptr, record(2, {0, 1}, {}, 1),
                                        record(3, {1, 1}, {}, 3), record(4, {2, 1}, {}, 1)};
    const auto map = map_features(records, {});
    QCOMPARE(map.frames, 3u);
    QVERIFY(std::isnan(map.places[1][0]) && std::isnan(map.places[3][0]) && !std::isnan(map.places[4][0]));
    // Too few, or none.
    records.pop_back();
    QVERIFY(std::isnan(map_features(records, {}).places[0][0]));
    QVERIFY(map_features({}, {}).places.empty());
    std::stop_source stop;
    stop.request_stop();
    records.push_back(record(4, {2, 1}, {}, 1));
    QVERIFY_THROWS_EXCEPTION(Cancelled, map_features(records, {}, 1000, stop.get_token()));
  }
};

DEER_SUITE(TestFeatureMap)
#include "tst_feature_map.moc"
