// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>

#include "core/episodes/calvin_columns.h"
#include "core/episodes/mapping.h"
#include "core/episodes/mapping_guess.h"
#include "core/episodes/open/warned_collection.h"
#include "core/episodes/recording_collection.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;
using namespace std::string_literals;

namespace {

RecordedSeries series(std::string name, std::size_t width) {
  return {std::move(name), std::vector<std::string>(width)};
}

RecordingSchema two_arms() {
  RecordingSchema out;
  out.robot = "aloha";
  out.cameras = {
      {"observation.images.cam_high"}, {"observation.images.cam_left_wrist"}, {"observation.images.depth_top"}};
  out.series = {{"action", {"waist", "elbow", "left_gripper"}},
                {"observation.state", {"waist", "elbow", "left_gripper"}},
                series("reward", 1)};
  return out;
}

Mapping parsed(const std::string& text, const RecordingSchema& schema) {
  return mapping_from_json(Json::parse(text), "map.json", schema);
}

// Frames that hold their own number.
class CountingReader final : public RecordingReader {
 public:
  std::int64_t length() const override { return 4; }
  RecordedFrame load_series(std::int64_t index) override {
    RecordedFrame out;
    out.frame_id = 100 + index;
    const auto value = static_cast<double>(index);
    out.series = {{value, 10 + value, 1}, {value}};
    return out;
  }
  RecordedFrame load(std::int64_t index, const std::stop_token&) override {
    auto out = load_series(index);
    auto picture = std::make_shared<Image>();
    picture->width = 1;
    picture->height = 2;
    picture->rgb = {1, 2, 3, 4, 5, 6};
    out.pictures = {picture, index == 2 ? nullptr : picture};
    return out;
  }
};

RecordingContents contents() {
  RecordingContents out;
  out.kind = "test";
  out.path = "/data/test";
  out.schema.cameras = {{"front", 1, 2, true}, {"wrist", 1, 2, false}};
  out.schema.series = {{"action", {"a", "b", "gripper"}}, {"state", {""}}};
  EpisodeEntry entry;
  entry.last_frame_id = -1;
  entry.length_known = false;
  out.entries = {entry};
  out.open = [](std::size_t) {
    OpenedRecording opened;
    opened.title = "episode 0";
    opened.reader = std::make_unique<CountingReader>();
    opened.instructions = {{0, 3, "push", {}}};
    return opened;
  };
  return out;
}

}  // namespace

class TestMapping : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void cameras_are_guessed_by_name() {
    const auto of = [](std::vector<std::string> names) {
      RecordingSchema schema;
      for (auto& name : names) schema.cameras.push_back({std::move(name)});
      const auto mapping = guess_mapping(schema);
      return mapping.static_camera + "|" + mapping.gripper_camera;
    };
    QCOMPARE(of({"agentview_rgb", "eye_in_hand_rgb"}), "agentview_rgb|eye_in_hand_rgb"s);
    QCOMPARE(of({"robot0_eye_in_hand_image", "agentview_image"}), "agentview_image|robot0_eye_in_hand_image"s);
    QCOMPARE(of({"observation.images.top", "observation.images.front"}), "observation.images.front|"s);
    QCOMPARE(of({"image_0", "image_1", "wrist_image"}), "image_0|wrist_image"s);
    QCOMPARE(of({"agentview_depth"}), "|"s);
    QCOMPARE(of({"exterior_image_1_left", "wrist_image_left"}), "exterior_image_1_left|wrist_image_left"s);
    QCOMPARE(of({}), "|"s);
  }

  void numbers_are_guessed() {
    auto mapping = guess_mapping(two_arms());
    QCOMPARE(mapping.static_camera, "observation.images.cam_high"s);
    QCOMPARE(mapping.gripper_camera, "observation.images.cam_left_wrist"s);
    QCOMPARE(mapping.state.size(), std::size_t{3});
    QCOMPARE(mapping.state[1], (MappedColumn{"observation.state", 1, "elbow", "rad"}));
    QCOMPARE(mapping.state[2].unit, ""s);
    QVERIFY(!mapping.deer_action);
    const auto layout = action_layout(mapping);
    QCOMPARE(layout->width(), std::size_t{3});
    QCOMPARE(layout->grippers().size(), std::size_t{1});

    RecordingSchema parts;
    parts.series = {series("actions", 7), series("robot0_eef_quat", 4), series("robot0_eef_pos", 3)};
    mapping = guess_mapping(parts);
    QCOMPARE(mapping.state.size(), std::size_t{7});
    QCOMPARE(mapping.state[0], (MappedColumn{"robot0_eef_pos", 0, "robot0_eef_pos[0]", "m"}));
    QVERIFY(!mapping.deer_action);
    parts.relative_pose = {0.05, 0.5};
    mapping = guess_mapping(parts);
    QVERIFY(mapping.deer_action);
    QCOMPARE(mapping.action[0].scale, 2.5);
    QCOMPARE(mapping.action[3].scale, 10.0);
    QCOMPARE(mapping.action[6].scale, -1.0);
    QVERIFY(action_layout(mapping)->is_deer());
  }

  void small_arms_count_in_degrees() {
    RecordingSchema schema;
    schema.robot = "so101_follower";
    schema.series = {{"observation.state", {"elbow_flex.pos", "gripper.pos", "current"}}};
    const auto state = guess_mapping(schema).state;
    QCOMPARE(state[0].unit, "°"s);
    QCOMPARE(state[1].unit, "%"s);
    QCOMPARE(state[2].unit, ""s);
    QCOMPARE(state[0].scale, 1.0);
  }

  void every_column_is_named_as_the_guess_names_it() {
    const auto columns = columns_of(two_arms());
    QCOMPARE(columns.size(), std::size_t{7});
    QCOMPARE(columns[1], (MappedColumn{"action", 1, "elbow", "rad"}));
    QCOMPARE(columns[6], (MappedColumn{"reward", 0, "reward", ""}));
    const auto guess = guess_mapping(two_arms());
    QVERIFY(std::equal(guess.action.begin(), guess.action.end(), columns.begin()));
  }

  void the_first_frame_is_as_recorded() {
    OpenSourceOptions options;
    auto collection = std::make_shared<RecordingCollection>(contents(), options);
    const auto warned = with_warning(collection, "look out");
    QCOMPARE(warned->warnings().front(), "look out"s);
    for (const EpisodeCollection* data : {static_cast<const EpisodeCollection*>(collection.get()), warned.get()}) {
      const auto* const mapped = mapped_dataset(data);
      QVERIFY(mapped != nullptr);
      QVERIFY(mapped->map_file().empty());
      const auto frame = mapped->first_frame(0, {});
      QCOMPARE(frame.frame_id, 100);
      QCOMPARE(frame.series[0], (std::vector<double>{0, 10, 1}));
      // Not turned upright: that is up to the mapping.
      QCOMPARE(frame.pictures[0]->rgb, (std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6}));
      QCOMPARE(upside_down(*frame.pictures[0])->rgb, (std::vector<std::uint8_t>{4, 5, 6, 1, 2, 3}));
      DEER_VERIFY_ERROR(mapped->first_frame(1, {}), "episode 1 does not exist");
    }
    QVERIFY(mapped_dataset(nullptr) == nullptr);
  }

  void json_comes_back() {
    auto mapping = guess_mapping(two_arms());
    mapping.flipped = {"observation.images.depth_top"};
    mapping.action[1].scale = 57.25;
    mapping.action[1].offset = -3;
    mapping.action[1].unit = "°";
    mapping.instruction = "fold the towel";
    mapping.gripper_camera.clear();
    QVERIFY(mapping_from_json(mapping_to_json(mapping), "map.json", two_arms()) == mapping);
  }

  void short_forms() {
    const auto mapping = parsed(
        R"({"gripper_camera": "", "state": ["action[1]", "observation.state[0:2]", "reward"], "action": "reward"})",
        two_arms());
    QCOMPARE(mapping.gripper_camera, ""s);
    QCOMPARE(mapping.static_camera, "observation.images.cam_high"s);  // still guessed
    QCOMPARE(mapping.state.size(), std::size_t{4});
    QCOMPARE(mapping.state[0].name, "elbow"s);
    QCOMPARE(mapping.state[2].column, std::size_t{1});
    QCOMPARE(mapping.state[3].name, "reward"s);
    QCOMPARE(mapping.action.size(), std::size_t{1});
  }

  void errors_name_what_there_is() {
    const auto schema = two_arms();
    DEER_VERIFY_ERROR(
        parsed(R"({"static_camera": "top"})", schema),
        "map.json: 'static_camera' is 'top', but the dataset's cameras are: observation.images.cam_high, ");
    DEER_VERIFY_ERROR(parsed(R"({"state": "qpos"})", schema),
                      "series of numbers are: action, observation.state, reward");
    DEER_VERIFY_ERROR(parsed(R"({"state": ["action[3]"]})", schema), "'action' has columns 0 to 2");
    DEER_VERIFY_ERROR(parsed(R"({"state": ["action[x]"]})", schema), "expected a series, \"action[2]\"");
    DEER_VERIFY_ERROR(parsed(R"({"state": [{"series": "action", "column": 9}]})", schema),
                      "column 9 of 'action', which has 3");
    DEER_VERIFY_ERROR(parsed(R"({"state": [{"series": "action", "column": 0, "scale": 0}]})", schema),
                      "a number other than 0");
    DEER_VERIFY_ERROR(parsed(R"({"deer_action": true})", schema), "'action' has 3 columns, expected 7");
    DEER_VERIFY_ERROR(parsed(R"({"camera": "top"})", schema), "'camera' is no field of a mapping; expected action, ");
    DEER_VERIFY_ERROR(parsed(R"({"flipped": "top"})", schema), "is no list of cameras");
    DEER_VERIFY_ERROR(parsed(R"({"state": [{"series": "action", "column": 0, "scal": 2}]})", schema),
                      "'scal' is no field of a column in 'state'; expected column, name, offset, scale, series, unit");
    DEER_VERIFY_ERROR(parsed(R"({"action": "action[2:1]"})", schema), "expected the lower number first");
    DEER_VERIFY_ERROR(parsed(R"({"action": "action[1:1]"})", schema), "which is no column");
    DEER_VERIFY_ERROR(parsed(R"({"action": "action[1:4]"})", schema), "'action' has columns 0 to 2");
  }

  void all_that_info_prints_is_a_mapping() {
    const auto mapping = guess_mapping(two_arms());
    const Json whole = {{"kind", "LeRobot v2.1"}, {"mapping", mapping_to_json(mapping)}, {"series", Json::array()}};
    QVERIFY(mapping_from_json(whole, "map.json", two_arms()) == mapping);
    DEER_VERIFY_ERROR(parsed(R"({"mapping": {"camera": "top"}})", two_arms()), "'camera' is no field of a mapping");
    DEER_VERIFY_ERROR(parsed(R"({"mapping": 3})", two_arms()), "content is number, expected an object");
  }

  void calvins_numbers_are_known_by_their_names() {
    RecordingSchema schema;
    schema.series = {{"action", calvin_action_names()}, {"observation.state", calvin_robot_names()}};
    QVERIFY(guess_mapping(schema).deer_action);
    QVERIFY(action_layout(guess_mapping(schema))->is_deer());
    schema.series[1].columns.pop_back();  // of another robot, whose actions have the same names
    QVERIFY(!guess_mapping(schema).deer_action);
  }

  void fills_observations() {
    const RecordingCollection data(contents(), {});
    QCOMPARE(data.warnings().size(), std::size_t{1});
    QVERIFY(data.warnings()[0].find("stores its pictures upside down (front)") != std::string::npos);
    QCOMPARE(episode_length(data, 0), 4);
    const auto source = data.open(0);
    QVERIFY(source->info().has_static_camera && source->info().has_gripper_camera);
    QCOMPARE(source->info().cameras.size(), std::size_t{2});
    QCOMPARE(source->info().state_columns, (std::vector<SeriesColumn>{{"state", ""}}));
    QCOMPARE(source->info().action_layout->dimensions()[2].kind, DimensionKind::gripper);
    const auto seen = source->read(2);
    QCOMPARE(seen->instruction, "push"s);
    QCOMPARE(seen->frame_id, 102);
    QCOMPARE(seen->rgb_static->rgb, (std::vector<std::uint8_t>{4, 5, 6, 1, 2, 3}));
    QVERIFY(!seen->rgb_gripper);
    QCOMPARE(seen->pictures.size(), std::size_t{2});
    QCOMPARE(seen->other_action, (std::vector<double>{2, 12, 1}));
    QCOMPARE(seen->state, (std::vector<double>{2}));
    QVERIFY(missing_cameras(source->info()).empty());
    DEER_VERIFY_ERROR(data.open(1), "episode 1 does not exist: /data/test has 1");
  }

  void a_map_file_changes_what_is_seen() {
    TemporaryFolder folder;
    OpenSourceOptions options;
    options.map = folder.write("map.json", R"({"static_camera": "wrist", "gripper_camera": "", "flipped": [],
      "action": [{"series": "action", "column": 1, "name": "height", "unit": "mm", "scale": 1000, "offset": -5}],
      "instruction": "lift"})");
    const RecordingCollection data(contents(), options);
    QVERIFY(data.warnings().empty());
    const auto source = data.open(0);
    QCOMPARE(source->read(1)->other_action, (std::vector<double>{10995}));
    const auto state = data.open(0)->read_state(1);
    QVERIFY(!state->rgb_static && state->other_action == source->read(1)->other_action);
    QCOMPARE(source->info().action_layout->dimensions()[0].unit, "mm"s);
    QCOMPARE(source->read(1)->rgb_static->rgb, (std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6}));
    QCOMPARE(source->read(1)->instruction, "lift"s);
    const auto missing = missing_cameras(source->info());
    QVERIFY2(
        missing.find("no gripper camera is known in 'episode 0'; its cameras are front, wrist") != std::string::npos,
        missing.c_str());
    options.map = folder / "none.json";
    DEER_VERIFY_ERROR(RecordingCollection(contents(), options), "none.json");
  }

  void a_deer_action_is_a_relative_one() {
    auto all = contents();
    all.schema.series[0] = {"action", std::vector<std::string>(3)};
    TemporaryFolder folder;
    OpenSourceOptions options;
    options.map = folder.write("map.json", R"({"deer_action": true, "action": ["action", "action", "action[0]"]})");
    const RecordingCollection data(std::move(all), options);
    const auto seen = data.open(0)->read(3);
    QVERIFY(seen->rel_action && seen->other_action.empty());
    QCOMPARE((*seen->rel_action)[4], 13.0);
  }

  void missing_series_are_no_numbers() {
    const auto schema = two_arms();
    RecordedFrame frame;
    frame.series = {{1, 2, 3}, {}, {4}};
    const auto mapping = parsed(R"({"state": ["observation.state[0]", "reward"]})", schema);
    const auto values = mapped_values(mapping.state, schema, frame);
    QVERIFY(std::isnan(values[0]));
    QCOMPARE(values[1], 4.0);
    frame.series = {{1, 2, 3}, {}, {}};
    QVERIFY(mapped_values(mapping.state, schema, frame).empty());
  }
};

DEER_SUITE(TestMapping)
#include "tst_mapping.moc"
