// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>

#include "core/base/error.h"
#include "core/exits/engine.h"
#include "core/exits/intervention.h"
#include "core/model/model_loader.h"
#include "tests/core/exits/random_picture.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;

namespace {

const std::filesystem::path kModel = std::filesystem::path(DEER_TEST_DATA) / "random_demo" / "model";

FrameInput input(int frame) {
  return {frame, test::random_picture(200, 200, static_cast<unsigned>(2 * frame)),
          test::random_picture(84, 84, static_cast<unsigned>(2 * frame + 1)), "open the drawer"};
}

Intervention parsed(std::initializer_list<std::string> words) {
  return parse_intervention(std::vector<std::string>(words));
}

std::vector<float> deepest_feature(Engine& engine, const FrameInput& frame, const Intervention& intervention) {
  engine.reset();
  engine.set_intervention(intervention);
  auto out = engine.step(frame, RunMode::probe)->exits.back().feature;
  engine.set_intervention({});
  return out;
}

}  // namespace

class TestIntervention : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void words_are_read_and_written() {
    const std::vector<std::string> words{"instruction=close it",       "without=red",       "cover=static",
                                         "cover=gripper:0.25,0,0.5,1", "noise=static:20:7", "hide=gripper:3",
                                         "hide=static:0-5:1"};
    const auto read = parse_intervention(words);
    QCOMPARE(to_words(read), words);
    QCOMPARE(parse_intervention(to_words(read)), read);
    QCOMPARE(read.covers.at(1).rectangle.width, 0.5);
    QCOMPARE(read.knockouts.at(1).last_layer, 5);
    QCOMPARE(describe(parsed({"cover=static", "without=red"})), std::string("without “red”, static camera covered"));
    QCOMPARE(describe(parsed({"hide=static:0-5:1"})), std::string("static camera hidden in layers 0 to 5, head 1"));
    QCOMPARE(describe(parsed({"hide=static:0-5:1"}), 1), std::string("static camera hidden in layers 1 to 6, head 2"));
    QVERIFY(parsed({}).empty());
  }

  void wrong_words_are_named_data() {
    QTest::addColumn<QString>("word");
    QTest::addColumn<QString>("said");
    QTest::newRow("no value") << "cover"
                              << "cover=…";
    QTest::newRow("no camera") << "cover="
                               << "the camera 'static' or 'gripper'";
    QTest::newRow("no text") << "instruction=  "
                             << "a text after";
    QTest::newRow("unknown") << "paint=static"
                             << "cover=…";
    QTest::newRow("camera") << "cover=wrist"
                            << "found 'wrist'";
    QTest::newRow("rectangle") << "cover=static:0,0,1"
                               << "X,Y,WIDTH,HEIGHT";
    QTest::newRow("outside") << "cover=static:0,0,2,1"
                             << "from 0 to 1, found '2'";
    QTest::newRow("empty") << "cover=static:0,0,0,0"
                           << "not empty";
    QTest::newRow("over the edge") << "cover=static:0.5,0.5,0.6,0.5"
                                   << "within the picture";
    QTest::newRow("no noise") << "noise=static:0"
                              << "above 0";
    QTest::newRow("negative layer") << "hide=static:-1"
                                    << "a layer, from 0";
    QTest::newRow("noise") << "noise=static"
                           << "DEVIATION";
    QTest::newRow("not a number") << "noise=static:much"
                                  << "found 'much'";
    QTest::newRow("layers") << "hide=static:5-3"
                            << "the first layer before the last";
    QTest::newRow("half a head") << "hide=static:3:0.5"
                                 << "a head, from 0, found '0.5'";
  }
  void wrong_words_are_named() {
    QFETCH(QString, word);
    QFETCH(QString, said);
    try {
      parsed({word.toStdString()});
      QFAIL("was taken");
    } catch (const Error& error) {
      QVERIFY2(QString::fromUtf8(error.what()).contains(said), error.what());
      QVERIFY2(QString::fromUtf8(error.what()).contains(word), error.what());
    }
  }

  void words_leave_an_instruction() {
    auto frame = input(0);
    frame.instruction = "lift the Red block, not the redder one, red";
    QCOMPARE(apply(parsed({"without=red"}), frame).instruction, std::string("lift the block, not the redder one,"));
    QCOMPARE(apply(parsed({"without=green"}), frame).instruction, frame.instruction);
    QCOMPARE(apply(parsed({"instruction=push it", "without=it"}), frame).instruction, std::string("push"));
  }

  void pictures_are_changed_and_the_originals_are_not() {
    const auto frame = input(1);
    const auto before = *frame.rgb_static;
    const auto half = apply(parsed({"cover=static:0.5,0,0.5,1"}), frame);
    QVERIFY(half.rgb_static != frame.rgb_static && half.rgb_gripper == frame.rgb_gripper);
    QCOMPARE(frame.rgb_static->rgb, before.rgb);
    for (int column = 0; column < 200; ++column) {
      const auto at = static_cast<std::size_t>(3 * (100 * 200 + column));
      const bool covered = half.rgb_static->rgb[at] == 123 && half.rgb_static->rgb[at + 2] == 104;
      if (column >= 100) QVERIFY(covered);
      if (column < 100) QCOMPARE(half.rgb_static->rgb[at], before.rgb[at]);
    }
    const auto noisy = parsed({"noise=gripper:20"});
    QCOMPARE(apply(noisy, frame).rgb_gripper->rgb, apply(noisy, frame).rgb_gripper->rgb);
    QVERIFY(apply(noisy, frame).rgb_gripper->rgb != apply(parsed({"noise=gripper:20:1"}), frame).rgb_gripper->rgb);
    auto without = frame;
    without.rgb_gripper = nullptr;
    DEER_VERIFY_ERROR(apply(noisy, without), "no picture of the gripper camera");
  }

  void the_engine_sees_the_change() {
    const auto engine = Engine::load(kModel);
    const auto frame = input(2);
    const auto plain = deepest_feature(*engine, frame, {});
    QCOMPARE(deepest_feature(*engine, frame, {}), plain);
    for (const auto* word : {"cover=static", "cover=gripper", "noise=static:60", "without=drawer", "hide=gripper:0-5",
                             "hide=static:1:0"}) {
      QVERIFY2(deepest_feature(*engine, frame, parsed({word})) != plain, word);
    }
    // What the engine sees is what apply() gives.
    const auto covered = parsed({"cover=static", "without=open"});
    QCOMPARE(deepest_feature(*engine, frame, covered), deepest_feature(*engine, apply(covered, frame), {}));
    QCOMPARE(deepest_feature(*engine, frame, {}), plain);
  }

  void a_hidden_camera_has_no_influence() {
    const auto engine = Engine::load(kModel);
    auto one = input(3);
    auto other = one;
    other.rgb_gripper = input(4).rgb_gripper;
    QVERIFY(deepest_feature(*engine, one, {}) != deepest_feature(*engine, other, {}));
    const auto hidden = parsed({"hide=gripper:0-5"});
    QCOMPARE(deepest_feature(*engine, one, hidden), deepest_feature(*engine, other, hidden));
    // Both hidden: the text alone is left, and no number is lost.
    const auto blind = parsed({"hide=gripper:0-5", "hide=static:0-5"});
    other.rgb_static = input(4).rgb_static;
    const auto feature = deepest_feature(*engine, one, blind);
    QCOMPARE(deepest_feature(*engine, other, blind), feature);
    for (const float value : feature) QVERIFY(std::isfinite(value));
  }

  void what_the_model_lacks_is_refused() {
    const auto engine = Engine::load(kModel);
    DEER_VERIFY_ERROR(engine->set_intervention(parsed({"hide=static:0:99"})), "heads 0 to");
    DEER_VERIFY_ERROR(engine->set_intervention(parsed({"hide=static:500"})), "layers 0 to 5");
    QVERIFY(!engine->step(input(5), RunMode::probe)->exits.empty());  // the engine still runs
  }
};

DEER_SUITE(TestIntervention)
#include "tst_intervention.moc"
