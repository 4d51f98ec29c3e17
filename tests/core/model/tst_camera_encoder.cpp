// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>

#include "core/model/camera_encoder.h"
#include "core/train/base/map_weights.h"
#include "core/train/method/model_init.h"
#include "tests/core/exits/random_picture.h"
#include "tests/support/suite.h"

namespace fs = std::filesystem;
using namespace deer;
using test::random_picture;

namespace {

// The random demo's network, with a tower of this width.
struct Network {
  explicit Network(std::int64_t width) : config(small_config(width)), parameters(initial_parameters(config, {})) {
    const MapWeights weights(parameters, "random");
    WeightBinder binder(weights, at::kCPU, at::kFloat);
    model = std::make_unique<MultiExitModel>(config, binder, at::kCPU, at::kFloat);
  }

  static ModelConfig small_config(std::int64_t width) {
    auto out = read_model_config(fs::path(DEER_SOURCE_DIR) / "tests/data/random_demo/model/config.json");
    out.vision.width = out.perceiver.dim = width;
    return out;
  }

  at::Tensor media_of(const ImagePtr& a, const ImagePtr& b) const {
    CameraEncoder encoder(*model);
    encoder.look(a, b);
    encoder.encode();
    return encoder.media();
  }

  ModelConfig config;
  ParameterMap parameters;
  std::unique_ptr<MultiExitModel> model;
};

ImagePtr copy_of(const ImagePtr& picture) { return std::make_shared<const Image>(*picture); }

}  // namespace

class CameraEncoderTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void unchanged_pictures_are_not_encoded_again_data();
  void unchanged_pictures_are_not_encoded_again();
  void an_interrupted_frame_is_encoded_all_the_same();
  void tokens_of_any_pictures();
};

void CameraEncoderTest::unchanged_pictures_are_not_encoded_again_data() {
  QTest::addColumn<int>("width");
  QTest::newRow("a small tower") << 24;
  QTest::newRow("a larger one") << 512;
}

void CameraEncoderTest::unchanged_pictures_are_not_encoded_again() {
  QFETCH(const int, width);
  const Network network(width);
  const auto a = random_picture(60, 60, 1), b = random_picture(50, 40, 2), c = random_picture(60, 60, 3);
  struct Step {
    ImagePtr static_picture, gripper_picture;
    int same;  // pictures
  };
  const std::vector<Step> steps = {
      {a, b, 0}, {a, b, 2}, {copy_of(a), copy_of(b), 2}, {c, b, 1}, {c, a, 1}, {b, a, 1}, {a, b, 0}, {a, b, 2},
  };
  CameraEncoder encoder(*network.model);
  QVERIFY(!encoder.takes_one());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& step = steps[i];
    // One alone is encoded once it is known to give the same numbers, as it may not on every processor.
    const int expected = step.same == 1 && !encoder.takes_one() ? 0 : step.same;
    QCOMPARE(encoder.look(step.static_picture, step.gripper_picture), expected);
    encoder.encode();
    // To the last bit.
    QVERIFY2(at::equal(encoder.media(), network.media_of(step.static_picture, step.gripper_picture)),
             qPrintable(QString::number(i)));
  }
  qInfo("one picture can be encoded alone: %s", encoder.takes_one() ? "yes" : "no");
}

void CameraEncoderTest::an_interrupted_frame_is_encoded_all_the_same() {
  const Network network(512);
  const auto a = random_picture(60, 60, 1), b = random_picture(50, 40, 2), c = random_picture(60, 60, 3);
  CameraEncoder encoder(*network.model);
  encoder.look(a, b);  // cancelled before the tower
  QCOMPARE(encoder.look(a, b), 0);
  encoder.encode();  // cancelled before the resampler
  QCOMPARE(encoder.look(a, b), 2);
  encoder.look(c, b);
  encoder.encode();
  QVERIFY(at::equal(encoder.media(), network.media_of(c, b)));
}

void CameraEncoderTest::tokens_of_any_pictures() {
  const Network network(512);
  const auto a = random_picture(60, 60, 1), b = random_picture(50, 40, 2), c = random_picture(60, 60, 3);
  CameraEncoder encoder(*network.model);
  encoder.look(a, b);
  encoder.encode();
  const auto known = encoder.tokens(a, b), other = encoder.tokens(c, a);
  QCOMPARE(known.size(0), std::int64_t{2});
  CameraEncoder fresh(*network.model);
  QVERIFY(at::equal(known, fresh.tokens(a, b)));
  QVERIFY(at::equal(other, fresh.tokens(c, a)));
  QVERIFY(at::equal(encoder.media(), network.media_of(a, b)));
}

DEER_SUITE(CameraEncoderTest)

#include "tst_camera_encoder.moc"
