// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/episodes/lerobot/parquet_file.h"
#include "core/episodes/open/open_source.h"
#include "core/study/lerobot_export.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;
using namespace std::string_literals;

namespace {

ImagePtr picture(int side) {
  auto out = std::make_shared<Image>();
  out->width = out->height = side;
  out->rgb.assign(static_cast<std::size_t>(side * side * 3), 90);
  return out;
}

Observation seen(int number, const std::string& instruction) {
  Observation out;
  out.frame = number;
  out.instruction = instruction;
  out.rgb_static = picture(32);
  out.rgb_gripper = picture(16);
  out.robot_obs.emplace().fill(number);
  out.rel_action.emplace().fill(0.125 * number);
  return out;
}

FrameRecord decided(int exit_index, int layer) {
  FrameRecord out;
  out.exit_index = exit_index;
  out.exit_layer = layer;
  const std::vector<float> command = {0.5, 0, 0, 0, 0, -0.5, 1};
  out.command = ActionValues(command);
  return out;
}

const RecordedSeries* named(const EpisodeCollection& data, const std::string& name) {
  for (const auto& one : data.description()->schema.series) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

}  // namespace

class TestLerobotExport : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void predictions_are_beside_what_was_recorded() {
    if (!ParquetFile::is_available()) QSKIP("this build has no Apache Arrow");
    const TemporaryFolder folder;
    LerobotExport out(folder / "out", {.predictions = ActionLayout::deer(), .robot = "panda"});
    SourceInfo info;
    info.frames_per_second = 30;
    for (int i = 0; i < 3; ++i) {
      const auto record = decided(i, 2 * i + 1);
      out.add(info, seen(i, "push"), i == 1 ? nullptr : &record);
    }
    out.end_episode();
    out.add(info, seen(7, "pull"), nullptr);
    out.finish();
    QCOMPARE(out.episodes(), 2);
    QCOMPARE(out.frames(), 4);

    const auto data = open_source(folder / "out");
    const auto& mapping = data->description()->mapping;
    QCOMPARE(mapping.static_camera, "observation.images.static"s);
    QCOMPARE(mapping.gripper_camera, "observation.images.gripper"s);
    QCOMPARE(named(*data, "action")->columns,
             (std::vector<std::string>{"x", "y", "z", "roll", "pitch", "yaw", "gripper"}));
    QCOMPARE(named(*data, "observation.state")->columns.size(), std::size_t{15});
    QVERIFY(named(*data, "observation.environment_state") == nullptr);
    QVERIFY(named(*data, "absolute_action") == nullptr);
    QCOMPARE(data->episodes()[1].title, "episode 1: pull"s);
    const ParquetFile rows(folder / "out" / "data" / "chunk-000" / "file-000.parquet");
    const auto exits = rows.numbers("prediction.exit", 0, 4).values;
    QCOMPARE(exits[0], 0.0);
    QVERIFY(std::isnan(exits[1]));  // no model ran on it
    QCOMPARE(exits[2], 2.0);
    QCOMPARE(rows.numbers("prediction.depth", 2, 1).values[0], 6.0);
    QCOMPARE(rows.numbers("prediction.action", 0, 1).values, (std::vector<double>{0.5, 0, 0, 0, 0, -0.5, 1}));
    QCOMPARE(rows.numbers("action", 2, 1).values[3], 0.25);
  }

  void cameras_and_columns_keep_their_names() {
    if (!ParquetFile::is_available()) QSKIP("this build has no Apache Arrow");
    const TemporaryFolder folder;
    LerobotExport out(folder / "out", {});
    SourceInfo info;
    info.cameras = {"obs/agentview image", "observation.images.wrist", "wrist"};
    info.state_columns = {{"elbow", "rad"}, {"waist", "rad"}};
    info.action_layout =
        std::make_shared<const ActionLayout>(std::vector<ActionDimension>{{"left", "", DimensionKind::joint}});
    Observation one;
    one.pictures = {picture(16), picture(16), picture(16)};
    one.state = {1, 2};
    one.other_action = {3};
    out.add(info, one, nullptr);
    out.finish();
    const auto data = open_source(folder / "out");
    std::vector<std::string> cameras;
    for (const auto& camera : data->description()->schema.cameras) cameras.push_back(camera.name);
    std::sort(cameras.begin(), cameras.end());
    QCOMPARE(cameras, (std::vector<std::string>{"observation.images.agentview_image", "observation.images.wrist",
                                                "observation.images.wrist_2"}));
    QCOMPARE(named(*data, "observation.state")->columns, (std::vector<std::string>{"elbow", "waist"}));
    QCOMPARE(named(*data, "action")->columns, (std::vector<std::string>{"left"}));
    QVERIFY(named(*data, "prediction.action") == nullptr);
  }

  void the_first_frame_may_lack_what_others_have() {
    if (!ParquetFile::is_available()) QSKIP("this build has no Apache Arrow");
    const TemporaryFolder folder;
    LerobotExport out(folder / "out", {.videos = false});
    SourceInfo info;
    info.cameras = {"front", "wrist", "never"};
    info.camera_sizes = {{}, {48, 32}, {}};
    info.state_columns = {{"elbow", "rad"}, {"waist", "rad"}};
    info.action_layout = ActionLayout::deer();
    Observation first;
    first.pictures.resize(3);
    auto later = first;
    later.pictures[0] = picture(16);
    later.state = {1, 2};
    later.rel_action.emplace().fill(0.5);
    out.look_at(info, first);
    QVERIFY(!out.has_seen_all());
    out.look_at(info, later);
    QVERIFY(!out.has_seen_all());
    out.add(info, first, nullptr);
    out.add(info, later, nullptr);
    out.finish();
    QCOMPARE(out.left_out(), (std::vector<std::string>{"observation.images.never"}));
    const auto data = open_source(folder / "out");
    QCOMPARE(data->description()->schema.cameras.size(), std::size_t{2});
    QCOMPARE(named(*data, "observation.state")->columns, (std::vector<std::string>{"elbow", "waist"}));
    QCOMPARE(named(*data, "action")->columns.size(), std::size_t{7});
    const auto source = data->open(0);
    QCOMPARE(source->read(0)->pictures[0]->rgb[0], 0);
    QCOMPARE(source->read(1)->pictures[0]->rgb[0], 90);
    QCOMPARE(source->read(1)->pictures[1]->width, 48);
    QVERIFY(std::isnan(source->read(0)->state[0]));
    QCOMPARE(source->read(1)->state[1], 2.0);
  }

  void what_is_given_up_leaves_nothing_or_a_dataset() {
    if (!ParquetFile::is_available()) QSKIP("this build has no Apache Arrow");
    const TemporaryFolder folder;
    namespace fs = std::filesystem;
    LerobotExport empty(folder / "empty", {});
    empty.make_folder();
    QVERIFY(fs::is_empty(folder / "empty"));
    empty.give_up();
    QVERIFY(!fs::exists(folder / "empty"));
    fs::create_directory(folder / "mine");
    LerobotExport mine(folder / "mine", {});
    mine.make_folder();
    mine.give_up();
    QVERIFY(fs::exists(folder / "mine"));
    LerobotExport part(folder / "part", {});
    part.make_folder();
    part.add({}, seen(1, "push"), nullptr);
    part.give_up();
    QCOMPARE(open_source(folder / "part")->episodes().size(), std::size_t{1});
    LerobotExport other(folder / "part", {});
    DEER_VERIFY_ERROR(other.make_folder(), "expected a new or an empty folder");
    other.give_up();
    QCOMPARE(open_source(folder / "part")->episodes().size(), std::size_t{1});
  }

  void calvin_is_known_again() {
    if (!ParquetFile::is_available()) QSKIP("this build has no Apache Arrow");
    const TemporaryFolder folder;
    LerobotExport out(folder / "out", {});
    out.add({}, seen(3, "push"), nullptr);
    out.finish();
    const auto again = open_source(folder / "out")->open(0);
    QVERIFY(again->info().action_layout->is_deer());
    const auto frame = again->read(0);
    QVERIFY(frame->robot_obs && frame->rel_action);
    QCOMPARE((*frame->robot_obs)[14], 3.0);
    QCOMPARE((*frame->rel_action)[0], 0.375);
  }

  void commands_are_the_actions_of_a_live_run() {
    if (!ParquetFile::is_available()) QSKIP("this build has no Apache Arrow");
    const TemporaryFolder folder;
    LerobotExport out(folder / "out", {.predictions = ActionLayout::deer(), .files_by_episode = true});
    auto one = seen(0, "push");
    one.rel_action.reset();
    const auto record = decided(1, 3);
    out.add({}, one, &record);
    out.finish();
    const ParquetFile rows(folder / "out" / "data" / "chunk-000" / "file-000.parquet");
    QCOMPARE(rows.numbers("action", 0, 1).values, (std::vector<double>{0.5, 0, 0, 0, 0, -0.5, 1}));
    LerobotExport nothing(folder / "nothing", {});
    DEER_VERIFY_ERROR(nothing.finish(), "gets no frame");
  }
};

DEER_SUITE(TestLerobotExport)
#include "tst_lerobot_export.moc"
