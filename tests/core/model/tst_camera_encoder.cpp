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
  QTest::addColumn<int>("when_one_is_known");
  QTest::newRow("a small tower, which takes both at once") << 24 << 0;
  QTest::newRow("a large one, which takes one at a time") << 512 << 1;
}

void CameraEncoderTest::unchanged_pictures_are_not_encoded_again() {
  QFETCH(const int, width);
  QFETCH(const int, when_one_is_known);
  const Network network(width);
  const auto a = random_picture(60, 60, 1), b = random_picture(50, 40, 2), c = random_picture(60, 60, 3);
  struct Step {
    ImagePtr static_picture, gripper_picture;
    int known;
  };
  const std::vector<Step> steps = {
      {a, b, 0},
      {a, b, 2},
      {copy_of(a), copy_of(b), 2},
      {c, b, when_one_is_known},
      {c, a, when_one_is_known},
      {b, a, when_one_is_known},
      {a, b, 0},
  };
  CameraEncoder encoder(*network.model);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto& step = steps[i];
    QCOMPARE(encoder.look(step.static_picture, step.gripper_picture), step.known);
    encoder.encode();
    // To the last bit.
    QVERIFY2(at::equal(encoder.media(), network.media_of(step.static_picture, step.gripper_picture)),
             qPrintable(QString::number(i)));
  }
}

void CameraEncoderTest::an_interrupted_frame_is_encoded_all_the_same() {
  const Network network(512);
  const auto a = random_picture(60, 60, 1), b = random_picture(50, 40, 2), c = random_picture(60, 60, 3);
  CameraEncoder encoder(*network.model);
  encoder.look(a, b);  // cancelled before the tower
  QCOMPARE(encoder.look(a, b), 0);
  encoder.encode();  // cancelled before the resampler
  QCOMPARE(encoder.look(c, b), 0);
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
