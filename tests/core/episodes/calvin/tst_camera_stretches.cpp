// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <fstream>

#include "core/base/json_file.h"
#include "core/episodes/calvin/calvin_dataset.h"
#include "core/episodes/calvin/calvin_writer.h"
#include "core/episodes/calvin/camera_stretches.h"
#include "core/episodes/open/open_source.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

namespace {

constexpr const char* kCalvin = R"(
env: {control_freq: 30}
cameras:
  static:
    _target_: calvin_env.camera.static_camera.StaticCamera
    name: static
    fov: 10
    aspect: 1
    nearval: 0.01
    farval: 10
    width: 200
    height: 200
    look_at: [-0.026242, -0.030233, 0.392000]
    look_from: [2.871459, -2.166602, 2.555160]
    up_vector: [0.404140, 0.226298, 0.886262]
  gripper: {_target_: calvin_env.camera.gripper_camera.GripperCamera, fov: 75, aspect: 1, width: 84, height: 84}
)";

ImagePtr picture(int size) {
  auto out = std::make_shared<Image>();
  out->width = out->height = size;
  out->rgb.assign(static_cast<std::size_t>(size * size * 3), 7);
  return out;
}

CameraCalibrationPtr calibration(double x) {
  auto out = std::make_shared<CameraCalibration>();
  out->fixed = camera_from_fov(200, 200, 0.2);
  out->fixed->mount_from_camera = world_from_looking_camera({x, -2, 2}, {0, 0, 0.4}, {0, 0, 1});
  out->gripper = camera_from_fov(84, 84, 1.3);
  out->gripper->mount = CameraModel::Mount::tcp;
  out->gripper->mount_from_camera = calvin_tcp_from_gripper_camera();
  return out;
}

Observation step(const CameraCalibrationPtr& cameras) {
  Observation out;
  out.rgb_static = picture(200);
  out.rgb_gripper = picture(84);
  out.cameras = cameras;
  return out;
}

void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

// A split of three frames, 0 to 2, with these settings.
std::vector<std::string> warnings_of(const TemporaryFolder& folder, const std::string& yaml, const std::string& json) {
  CalvinWriter writer(folder / "training");
  for (int i = 0; i < 3; ++i) writer.add(step(nullptr));
  writer.flush();
  if (!yaml.empty()) write(folder / "training/.hydra/merged_config.yaml", yaml);
  if (!json.empty()) write(folder / "training" / kCameraFile, json);
  return open_source(folder.path())->warnings();
}

}  // namespace

class TestCameraStretches : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void a_recording_keeps_what_each_frame_was_seen_with() {
    const TemporaryFolder folder;
    CalvinWriterOptions options;
    options.first_frame_id = 50;
    CalvinWriter writer(folder / "training", options);
    const auto first = calibration(1), second = calibration(1.01);
    for (int i = 0; i < 3; ++i) writer.add(step(first));
    writer.add(step(calibration(1)));  // equal numbers: the same stretch
    writer.add(step(nullptr));
    writer.begin_segment();
    for (int i = 0; i < 2; ++i) writer.add(step(second));
    QCOMPARE(writer.index().cameras.size(), std::size_t(2));
    writer.flush();
    // Through the index of a shard, as the recorder's processes send it.
    const auto json = writer.index().to_json();
    const auto again = CalvinIndex::from_json(JsonFields("index", json));
    QCOMPARE(again.cameras.size(), std::size_t(2));
    QVERIFY(*again.cameras[1].cameras == *second);

    const auto collection = open_source(folder.path());
    QVERIFY(collection->warnings().empty());
    const auto whole = collection->open(0);
    QCOMPARE(*whole->length(), 5);
    for (int i = 0; i < 4; ++i) QVERIFY(whole->read(i)->cameras && *whole->read(i)->cameras == *first);
    QVERIFY(!whole->read(4)->cameras);
    QVERIFY(*collection->open(1)->read(1)->cameras == *second);
  }

  void calvins_settings_are_read() {
    const TemporaryFolder folder;
    QCOMPARE(warnings_of(folder, kCalvin, {}), std::vector<std::string>{});
    const auto cameras = open_source(folder.path())->open(0)->read(1)->cameras;
    QVERIFY(cameras && cameras->fixed && cameras->gripper);
    QCOMPARE(cameras->fixed->width, 200);
    QVERIFY(std::abs(cameras->fixed->focal_y - 100 / std::tan(5 * 3.14159265358979 / 180)) < 1e-6);
    QCOMPARE(cameras->fixed->focal_x, cameras->fixed->focal_y);
    const auto at = project(*cameras->fixed, cameras->fixed->mount_from_camera, {-0.026242, -0.030233, 0.392});
    QVERIFY(at && std::abs(at->x - 99.5) < 1e-9 && std::abs(at->y - 99.5) < 1e-9);
    QVERIFY(cameras->gripper->mount == CameraModel::Mount::tcp);
  }

  void a_file_of_stretches_goes_before_the_settings() {
    const TemporaryFolder folder;
    const Json json = {{"version", 1}, {"stretches", to_json({{{1, 1}, calibration(3)}})}};
    QCOMPARE(warnings_of(folder, kCalvin, json.dump()), std::vector<std::string>{});
    const auto source = open_source(folder.path())->open(0);
    QVERIFY(*source->read(1)->cameras == *calibration(3));
    QVERIFY(!(*source->read(0)->cameras == *calibration(3)));
    QCOMPARE(source->read(0)->cameras, source->read(2)->cameras);
  }

  void broken_settings_are_one_warning_each_data() {
    QTest::addColumn<QString>("yaml");
    QTest::addColumn<QString>("json");
    QTest::addColumn<QString>("says");
    const auto calvin = [](const char* from, const char* to) { return QString(kCalvin).replace(from, to); };
    QTest::newRow("no eye") << calvin("look_from: [2.871459, -2.166602, 2.555160]", "") << ""
                            << "look_from";
    QTest::newRow("two numbers") << calvin("[-0.026242, -0.030233, 0.392000]", "[1, 2]") << ""
                                 << "look_at";
    QTest::newRow("wide") << calvin("fov: 10", "fov: 200") << ""
                          << "static.fov";
    QTest::newRow("text") << calvin("width: 84", "width: many") << ""
                          << "gripper.width";
    QTest::newRow("up along the sight") << calvin("[0.404140, 0.226298, 0.886262]", "[2.897701, -2.136369, 2.163160]")
                                        << ""
                                        << "has no direction";
    Json good = {{"version", 1}, {"stretches", to_json({{{0, 2}, calibration(3)}})}};
    const auto changed = [&](const char* pointer, const Json& value) {
      auto out = good;
      out[Json::json_pointer(pointer)] = value;
      return QString::fromStdString(out.dump());
    };
    QTest::newRow("no json") << ""
                             << "{"
                             << "camera_calibration.json";
    QTest::newRow("version") << "" << changed("/version", 2) << "version";
    QTest::newRow("no list") << "" << changed("/stretches", 7) << "stretches";
    QTest::newRow("frames") << "" << changed("/stretches/0/frames", {2, 1}) << "frames";
    QTest::newRow("size") << "" << changed("/stretches/0/static/width", 0) << "width";
    QTest::newRow("focal") << "" << changed("/stretches/0/static/focal_px", {0.0, 5.0}) << "focal_px";
    QTest::newRow("far") << "" << changed("/stretches/0/static/position_m", {0.0, 1e300, 5.0}) << "position_m";
    QTest::newRow("mirror") << "" << changed("/stretches/0/gripper/rotation", {1, 0, 0, 0, 1, 0, 0, 0, -1})
                            << "rotation";
    QTest::newRow("mount") << "" << changed("/stretches/0/gripper/fixed_to", "wall") << "fixed_to";
    good["stretches"].push_back(good["stretches"][0]);
    QTest::newRow("overlap") << "" << QString::fromStdString(good.dump()) << "two stretches contain frame 0";
  }
  void broken_settings_are_one_warning_each() {
    QFETCH(const QString, yaml);
    QFETCH(const QString, json);
    QFETCH(const QString, says);
    const TemporaryFolder folder;
    const auto warnings = warnings_of(folder, yaml.toStdString(), json.toStdString());
    QCOMPARE(warnings.size(), std::size_t(1));
    QVERIFY2(QString::fromStdString(warnings[0]).contains(says), warnings[0].c_str());
    QVERIFY(open_source(folder.path())->open(0)->read(0)->rgb_static);
  }
};

DEER_SUITE(TestCameraStretches)
#include "tst_camera_stretches.moc"
