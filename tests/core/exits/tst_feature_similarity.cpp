// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <random>

#include "core/base/error.h"
#include "core/exits/feature_similarity.h"
#include "tests/support/suite.h"

namespace deer {
namespace {

const std::vector<int> kLayers{1, 3, 5};

/// Features of exit `exit` are random, more alike the deeper the exits are.
std::vector<FrameRecordPtr> random_records(int frames, int width) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<FrameRecordPtr> records;
  for (int frame = 0; frame < frames; ++frame) {
    std::vector<float> common(static_cast<std::size_t>(width));
    for (auto& value : common) value = normal(random) + 0.5F;
    auto record = std::make_shared<FrameRecord>();
    record->frame = frame;
    for (std::size_t exit = 0; exit < kLayers.size(); ++exit) {
      ExitProbe probe;
      probe.layer = kLayers[exit];
      for (const float value : common) {
        probe.feature.push_back(value * static_cast<float>(exit + 1) +
                                (2.0F - static_cast<float>(exit)) * normal(random));
      }
      record->exits.push_back(std::move(probe));
    }
    records.push_back(std::move(record));
  }
  return records;
}

/// Kornblith's equation 3 as it stands, in the space of features: |Y'X|² / (|X'X| |Y'Y|), X and Y centred.
double cka_by_features(const std::vector<FrameRecordPtr>& records, std::size_t a, std::size_t b) {
  const auto frames = records.size();
  const auto width = records[0]->exits[0].feature.size();
  const auto centred = [&](std::size_t exit) {
    std::vector<std::vector<double>> columns(width, std::vector<double>(frames));
    for (std::size_t j = 0; j < width; ++j) {
      double mean = 0;
      for (std::size_t t = 0; t < frames; ++t) mean += double(records[t]->exits[exit].feature[j]) / double(frames);
      for (std::size_t t = 0; t < frames; ++t) columns[j][t] = double(records[t]->exits[exit].feature[j]) - mean;
    }
    return columns;
  };
  const auto product = [&](const auto& x, const auto& y) {
    double sum = 0;
    for (const auto& column_x : x) {
      for (const auto& column_y : y) {
        double dot = 0;
        for (std::size_t t = 0; t < frames; ++t) dot += column_x[t] * column_y[t];
        sum += dot * dot;
      }
    }
    return sum;
  };
  const auto x = centred(a), y = centred(b);
  return product(x, y) / std::sqrt(product(x, x) * product(y, y));
}

}  // namespace

class FeatureSimilarityTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void cosines_and_changes();
  void pairs_have_their_places();
  void missing_features_are_unknown();
  void cka_agrees_with_its_definition();
  void cka_ignores_rotation_and_scale();
  void cka_takes_evenly_spaced_frames();
  void cka_of_too_little();
  void cka_can_be_cancelled();
};

void FeatureSimilarityTest::cosines_and_changes() {
  const std::vector<float> right{1, 0}, up{0, 2}, slanted{3, 4}, nothing{0, 0}, longer{1, 0, 0};
  QCOMPARE(cosine_similarity(right, up), 0.0);
  QCOMPARE(cosine_similarity(right, slanted), 0.6);
  QCOMPARE(cosine_similarity(slanted, slanted), 1.0);
  QVERIFY(std::isnan(cosine_similarity(right, nothing)));
  QVERIFY(std::isnan(cosine_similarity(right, longer)));
  QVERIFY(std::isnan(cosine_similarity({}, {})));
  QCOMPARE(relative_change(slanted, right), std::sqrt(4.0 + 16.0) / 5);
  QCOMPARE(relative_change(slanted, slanted), 0.0);
  QVERIFY(std::isnan(relative_change(nothing, right)));
}

void FeatureSimilarityTest::pairs_have_their_places() {
  std::vector<bool> seen(pair_count(5), false);
  for (std::size_t a = 0; a < 5; ++a) {
    for (std::size_t b = a; b < 5; ++b) {
      const auto place = pair_place(a, b, 5);
      QCOMPARE(pair_place(b, a, 5), place);
      QVERIFY(place < seen.size() && !seen[place]);
      seen[place] = true;
    }
  }
}

void FeatureSimilarityTest::missing_features_are_unknown() {
  auto record = *random_records(1, 6).front();
  record.exits[1].feature.clear();
  const auto cosines = feature_cosines(record, kLayers);
  QVERIFY(std::isnan(cosines[pair_place(0, 1, 3)]));
  QCOMPARE(cosines[pair_place(2, 2, 3)], 1.0F);
  QCOMPARE(cosines[pair_place(0, 2, 3)], float(cosine_similarity(record.exits[0].feature, record.exits[2].feature)));
  record.exits.resize(1);  // stopped early
  QVERIFY(std::isnan(feature_cosines(record, kLayers)[pair_place(0, 2, 3)]));
}

void FeatureSimilarityTest::cka_agrees_with_its_definition() {
  for (const auto& [frames, width] : {std::pair{40, 9}, std::pair{12, 30}}) {
    const auto records = random_records(frames, width);
    const auto cka = linear_cka(records, kLayers);
    QCOMPARE(cka.frames, frames);
    for (std::size_t a = 0; a < 3; ++a) {
      for (std::size_t b = 0; b < 3; ++b) {
        QVERIFY(std::abs(cka.at(a, b) - cka_by_features(records, a, b)) < 1e-9);
      }
    }
    QVERIFY(cka.at(1, 2) > cka.at(0, 2));
  }
}

void FeatureSimilarityTest::cka_ignores_rotation_and_scale() {
  std::vector<FrameRecordPtr> records;
  for (const auto& record : random_records(20, 2)) {
    auto copy = std::make_shared<FrameRecord>(*record);
    const auto& feature = copy->exits[0].feature;
    copy->exits[1].feature = {-3 * feature[1] + 5, 3 * feature[0] - 2};
    records.push_back(copy);
  }
  QVERIFY(std::abs(linear_cka(records, kLayers).at(0, 1) - 1) < 1e-9);
}

void FeatureSimilarityTest::cka_takes_evenly_spaced_frames() {
  auto records = random_records(21, 5);
  records.push_back(nullptr);  // not evaluated
  const auto some = linear_cka(records, kLayers, 5);
  QCOMPARE(some.frames, 5);
  QCOMPARE(some.frames_offered, 21);
  const std::vector<FrameRecordPtr> chosen{records[0], records[5], records[10], records[15], records[20]};
  QVERIFY(std::abs(some.at(0, 2) - cka_by_features(chosen, 0, 2)) < 1e-9);
}

void FeatureSimilarityTest::cka_of_too_little() {
  QVERIFY(std::isnan(linear_cka(random_records(2, 4), kLayers).at(0, 0)));
  QVERIFY(linear_cka({}, {}).values.empty());
  std::vector<FrameRecordPtr> still;
  for (const auto& record : random_records(6, 4)) {
    auto copy = std::make_shared<FrameRecord>(*record);
    copy->exits[0].feature = {1, 2, 3, 4};
    still.push_back(copy);
  }
  const auto cka = linear_cka(still, kLayers);
  QVERIFY(std::isnan(cka.at(0, 1)));
  QVERIFY(!std::isnan(cka.at(1, 2)));
}

void FeatureSimilarityTest::cka_can_be_cancelled() {
  std::stop_source stop;
  stop.request_stop();
  QVERIFY_THROWS_EXCEPTION(Cancelled, linear_cka(random_records(5, 4), kLayers, 1000, stop.get_token()));
}

}  // namespace deer

DEER_SUITE(deer::FeatureSimilarityTest)
#include "tst_feature_similarity.moc"
