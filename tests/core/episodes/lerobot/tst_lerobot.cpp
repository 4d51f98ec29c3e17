// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/videoio.hpp>

#include "core/base/json_file.h"
#include "core/episodes/lerobot/lerobot_index.h"
#include "core/episodes/lerobot/lerobot_info.h"
#include "core/episodes/lerobot/parquet_file.h"
#include "core/episodes/open/open_source.h"
#include "tests/core/episodes/lerobot/make_lerobot.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;
using namespace std::string_literals;

namespace {

LerobotInfo info_of(const std::string& text) { return lerobot_info_from_text(text, "info.json"); }

bool warned(const EpisodeCollection& data, const std::string& part) {
  const auto& all = data.warnings();
  return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.find(part) != std::string::npos; });
}

}  // namespace

#define SKIP_WITHOUT_ARROW() \
  if (!ParquetFile::is_available()) QSKIP("this build has no Apache Arrow")

class TestLerobot : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void info() {
    const auto info =
        info_of(R"({"codebase_version": "v2.1", "robot_type": "g1", "fps": 30, "data_path": "d", "features": {
      "action": {"dtype": "float32", "shape": [2], "names": [["a", "b"]]},
      "observation.state": {"dtype": "float32", "shape": [2], "names": {"motors": ["c", "d"]}},
      "observation.images.top": {"dtype": "video", "shape": [4, 6, 3], "names": ["height", "width", "channels"]},
      "index": {"dtype": "int64", "shape": [1], "names": null}}})");
    QCOMPARE(info.major, 2);
    QCOMPARE(info.features.size(), std::size_t{4});
    QCOMPARE(info.features[0].names, (std::vector<std::string>{"a", "b"}));
    QCOMPARE(info.features[3].names, (std::vector<std::string>{"c", "d"}));
    QVERIFY(info.features[2].is_video());
    DEER_VERIFY_ERROR(info_of(R"({"codebase_version": "v1.6", "fps": 30})"), "expected v2.0, v2.1 or v3.0");
    DEER_VERIFY_ERROR(info_of(R"({"codebase_version": "v2.0", "fps": 0})"), "'fps' is 0");
    DEER_VERIFY_ERROR(info_of("[]"), "info.json: content is array");
  }

  void names_keep_the_order_of_the_file() {
    const auto names = [](const std::string& text) {
      return info_of(R"({"codebase_version": "v2.1", "fps": 30, "data_path": "d", "features": {
        "action": {"dtype": "float32", "names": )" +
                     text + "}}}")
          .features[0]
          .names;
    };
    using Names = std::vector<std::string>;
    QCOMPARE(names(R"({"motors": ["shoulder", "elbow"], "gripper": ["grip"]})"), (Names{"shoulder", "elbow", "grip"}));
    QCOMPARE(names(R"({"delta_x": 0, "delta_y": 1, "gripper": 3, "delta_z": 2})"),
             (Names{"delta_x", "delta_y", "delta_z", "gripper"}));
    QCOMPARE(names(R"({"x": 0, "y": 2})"), Names());
    QCOMPARE(names(R"([0, 1])"), Names());
    QCOMPARE(names("null"), Names());
    QCOMPARE(names(R"([[[["deep"]]]])"), (Names{"deep"}));
    QCOMPARE(names(R"([[[[["deeper"]]]]])"), Names());
  }

  void paths() {
    QCOMPARE(lerobot_path("data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet", {"", 1234, 1, 0}),
             "data/chunk-001/episode_001234.parquet"s);
    QCOMPARE(lerobot_path("v/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4", {"k", 0, 7, 12345}),
             "v/k/chunk-007/file-12345.mp4"s);
    DEER_VERIFY_ERROR(lerobot_path("{other}", {}), "'{other}', which is not known");
    DEER_VERIFY_ERROR(lerobot_path("a/{video_key}", {"../../etc"}), "leads out of the dataset's folder");
    DEER_VERIFY_ERROR(lerobot_path("/etc/passwd", {}), "leads out of");
    DEER_VERIFY_ERROR(lerobot_path("a{", {}), "has an open brace");
  }

  void episode_lines() {
    LerobotInfo info;
    info.chunk_size = 2;
    const auto episodes = lerobot_episodes_from_lines(
        "{\"episode_index\": 0, \"tasks\": [\"push\", \"pull\"], \"length\": 5}\r\n\n"
        "{\"episode_index\": 3, \"tasks\": \"lift\", \"length\": 2}",
        info, "episodes.jsonl");
    QCOMPARE(episodes.size(), std::size_t{2});
    QCOMPARE(episodes[0].task, "push; pull"s);
    QCOMPARE(episodes[1].first, 5);
    QCOMPARE(episodes[1].chunk, 1);
    DEER_VERIFY_ERROR(lerobot_episodes_from_lines("{\"episode_index\": 0}", info, "e"), "'line 1.length' is missing");
    DEER_VERIFY_ERROR(lerobot_episodes_from_lines("{", info, "e"), "e: line 1 is not valid JSON: {");
  }

  void without_arrow_it_says_so() {
    if (ParquetFile::is_available()) QSKIP("this build has Apache Arrow");
    TemporaryFolder folder;
    folder.write("set/meta/info.json", "{}");
    DEER_VERIFY_ERROR(open_source(folder / "set"), "is a LeRobot dataset, which this build cannot read: Apache Arrow");
  }

#ifdef DEER_HAVE_ARROW
  void version_2() {
    for (const char* version : {"v2.0", "v2.1"}) {
      TemporaryFolder folder;
      MadeLerobot made(folder / "set", version);
      made.add_episode("push the block", 6);
      made.add_episode("pull the block", 4);
      made.finish();
      const auto data = open_source(folder / "set");
      QCOMPARE(data->kind(), "LeRobot "s + version);
      QVERIFY2(data->warnings().empty(), data->warnings().empty() ? "" : data->warnings()[0].c_str());
      QCOMPARE(data->episodes().size(), std::size_t{2});
      QCOMPARE(data->episodes()[1].title, "episode 1: pull the block"s);
      QCOMPARE(data->episodes()[1].first_frame_id, 6);
      QCOMPARE(data->episodes()[1].length(), 4);
      check_frames(*data);
    }
  }

  void version_3() {
    TemporaryFolder folder;
    MadeLerobot made(folder / "set", "v3.0");
    made.add_episode("push the block", 6);
    made.add_episode("pull the block", 4);
    made.finish();
    const auto data = open_source(folder / "set");
    QCOMPARE(data->kind(), "LeRobot v3.0"s);
    QVERIFY2(data->warnings().empty(), data->warnings().empty() ? "" : data->warnings()[0].c_str());
    check_frames(*data);
  }

  void pictures_in_parquet() {
    TemporaryFolder folder;
    MadeLerobot made(folder / "set", "v2.1", MadeLerobot::Pictures::stored);
    made.add_episode("push", 5);
    made.finish();
    const auto source = open_source(folder / "set")->open(0);
    for (const int frame : {3, 0, 4, 1, 2}) QCOMPARE(MadeLerobot::number_of(*source->read(frame)->rgb_static), frame);
    QVERIFY(!source->read(2)->rgb_gripper);  // null in every frame
  }

  void videos_may_be_missing() {
    TemporaryFolder folder;
    MadeLerobot made(folder / "set", "v2.1");
    made.add_episode("push", 3);
    made.add_episode("pull", 3);
    made.finish();
    const auto videos = folder / "set/videos/chunk-000/observation.images.wrist";
    std::filesystem::remove(videos / "episode_000000.mp4");
    folder.write("set/videos/chunk-000/observation.images.wrist/episode_000001.mp4",
                 "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
    const auto data = open_source(folder / "set");
    QVERIFY(warned(*data,
                   "1 of 2 episodes have a video of 'observation.images.wrist'; missing is "
                   "videos/chunk-000/observation.images.wrist/episode_000000.mp4"));
    QVERIFY(!data->open(0)->read(0)->rgb_gripper);
    QVERIFY(data->open(0)->read(0)->rgb_static);
    QVERIFY(!data->open(1)->read(0)->rgb_gripper);  // a pointer
  }

  void data_may_be_missing() {
    TemporaryFolder folder;
    MadeLerobot made(folder / "set", "v2.1");
    for (int i = 0; i < 3; ++i) made.add_episode("push", 3);
    made.finish();
    std::filesystem::remove(folder / "set/data/chunk-000/episode_000001.parquet");
    const auto data = open_source(folder / "set");
    QCOMPARE(data->episodes().size(), std::size_t{2});
    QCOMPARE(data->episodes()[1].title, "episode 2: push"s);
    QCOMPARE(data->open(1)->read(1)->frame_id, 7);
    QVERIFY(warned(*data, "1 of 3 episodes have no data, the first for lack of data/chunk-000/episode_000001.parquet"));
    std::filesystem::remove_all(folder / "set/data");
    DEER_VERIFY_ERROR(open_source(folder / "set"), "without an episode that can be opened");
  }

  void pointers_and_damage_leave_the_others() {
    const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    TemporaryFolder folder;
    MadeLerobot made(folder / "set", "v2.1");
    for (int i = 0; i < 5; ++i) made.add_episode("push", 3);
    made.finish();
    const auto name = [](int i) { return "set/data/chunk-000/episode_00000" + std::to_string(i) + ".parquet"; };
    for (int i = 0; i < 4; ++i) folder.write(name(i), "damaged");
    auto data = open_source(folder / "set");
    QCOMPARE(data->episodes().size(), std::size_t{5});
    QVERIFY(warned(*data, "episode_000000.parquet: cannot be read as Parquet"));
    QCOMPARE(data->open(4)->read(1)->other_action[0], 4100.0);
    DEER_VERIFY_ERROR(data->open(3), "episode_000003.parquet: cannot be read as Parquet");
    for (int i = 0; i < 4; ++i) folder.write(name(i), pointer);
    data = open_source(folder / "set");
    QCOMPARE(data->episodes().size(), std::size_t{1});
    QVERIFY(warned(*data,
                   "4 of 5 episodes have no data, the first for lack of "
                   "data/chunk-000/episode_000000.parquet, which is a git-LFS pointer"));
    folder.write(name(4), pointer);
    DEER_VERIFY_ERROR(open_source(folder / "set"), "which is a git-LFS pointer");
  }

  void lengths_that_differ_are_named() {
    TemporaryFolder folder;
    MadeLerobot says(folder / "set", "v3.0", MadeLerobot::Pictures::none);
    MadeLerobot has(folder / "other", "v3.0", MadeLerobot::Pictures::none);
    for (int i = 0; i < 2; ++i) {
      says.add_episode("push", 20);
      has.add_episode("push", 8 + i);
    }
    says.finish();
    has.finish();
    std::filesystem::remove_all(folder / "set/data");
    std::filesystem::rename(folder / "other/data", folder / "set/data");
    const auto data = open_source(folder / "set");
    QVERIFY(warned(*data, "has 8 frames of episode 0, but meta/ says 20; so it is with 2 of its episodes"));
    QCOMPARE(data->episodes()[1].length(), 9);
    QCOMPARE(data->open(1)->length().value(), 9);
  }

  void rows_of_episodes_may_alternate() {
    TemporaryFolder folder;
    MadeLerobot made(folder / "set", "v3.0", MadeLerobot::Pictures::none);
    made.alternate = true;
    made.add_episode("push", 6);
    made.add_episode("pull", 4);
    made.finish();
    const auto data = open_source(folder / "set");
    for (const std::size_t episode : {0, 1}) {
      const auto source = data->open(episode);
      QCOMPARE(source->length().value(), episode == 0 ? 6 : 4);
      for (int i = 0; i < source->length().value(); ++i) {
        QCOMPARE(source->read(i)->other_action[1], 1000.0 * static_cast<double>(episode) + 100 * i + 1);
        QCOMPARE(source->read(i)->instruction, episode == 0 ? "push"s : "pull"s);
      }
    }
  }

  void what_info_says_wrongly_is_named() {
    TemporaryFolder folder;
    MadeLerobot made(folder / "set", "v2.1");
    made.add_episode("push", 3);
    made.finish();
    const auto info = read_json(folder / "set/meta/info.json");
    auto changed = info;
    changed["features"]["observation.effort"] = {{"dtype", "float32"}, {"shape", {6}}, {"names", nullptr}};
    folder.write("set/meta/info.json", changed.dump());
    QVERIFY(warned(*open_source(folder / "set"),
                   "info.json: these columns of info.json are not shown: observation.effort (missing in the data)"));
    changed = info;
    changed["data_path"] = "data/{nope}.parquet";
    folder.write("set/meta/info.json", changed.dump());
    DEER_VERIFY_ERROR(open_source(folder / "set"), "meta/info.json: 'data_path': the path 'data/{nope}.parquet' holds");
    folder.write("set/meta/info.json", "");
    DEER_VERIFY_ERROR(open_source(folder / "set"), "info.json: is empty");
  }

  void folders_may_be_called_otherwise() {
    TemporaryFolder folder;
    MadeLerobot made(folder / "set", "v2.1");
    made.add_episode("push", 3);
    made.finish();
    std::filesystem::rename(folder / "set/videos", folder / "set/video");
    const auto data = open_source(folder / "set");
    QVERIFY(warned(*data, "info.json says videos/, the folder is called video/"));
    QVERIFY(data->open(0)->read(1)->rgb_static);
  }

  void names_that_do_not_fit_are_counted() {
    TemporaryFolder folder;
    MadeLerobot made(folder / "set", "v2.1");
    made.action_names = {"only one"};
    made.add_episode("push", 3);
    made.finish();
    const auto data = open_source(folder / "set");
    QVERIFY(warned(*data, "'action' has 1 name for 3 numbers"));
    QCOMPARE(data->description()->mapping.action[2].name, "action[2]"s);
  }

  void damage_is_named() {
    TemporaryFolder folder;
    MadeLerobot made(folder / "set", "v2.1");
    made.add_episode("push", 30);
    made.add_episode("push", 30);
    made.finish();
    const auto file = folder / "set/data/chunk-000/episode_000001.parquet";
    const auto size = std::filesystem::file_size(file);
    std::filesystem::resize_file(file, size / 2);
    const auto data = open_source(folder / "set");
    DEER_VERIFY_ERROR(data->open(1), "episode_000001.parquet: cannot be read as Parquet");
    QVERIFY(data->open(0)->read(29));
    folder.write("set/data/chunk-000/episode_000001.parquet", "version https://git-lfs.github.com/spec/v1\n");
    DEER_VERIFY_ERROR(data->open(1), "is a git-LFS pointer");
    folder.write("set/meta/info.json", "version https://git-lfs.github.com/spec/v1\n");
    DEER_VERIFY_ERROR(open_source(folder / "set"), "info.json: is a git-LFS pointer");
  }

  void parquet_columns() {
    TemporaryFolder folder;
    MadeLerobot made(folder / "set", "v2.1", MadeLerobot::Pictures::stored);
    made.add_episode("push", 5);
    made.finish();
    const ParquetFile file(folder / "set/data/chunk-000/episode_000000.parquet");
    QCOMPARE(file.rows(), 5);
    QCOMPARE(file.find("action")->kind, ParquetFile::Kind::numbers);
    QCOMPARE(file.find("observation.images.front")->kind, ParquetFile::Kind::picture);
    QVERIFY(file.find("none") == nullptr);
    QCOMPARE(file.numbers("action", 3, 2).values, (std::vector<double>{300, 301, 302, 400, 401, 402}));
    QCOMPARE(file.numbers("frame_index", 4, 1).values, (std::vector<double>{4}));
    DEER_VERIFY_ERROR(file.numbers("action", 4, 2), "'action' cannot be read: has 5 rows, expected 6");
    DEER_VERIFY_ERROR(file.numbers("none", 0, 1), "'none' cannot be read: is missing");
    DEER_VERIFY_ERROR(file.texts("action", 0, 1), "expected text");
    DEER_VERIFY_ERROR(file.picture("action", 0), "holds no pictures");
  }

 private:
  static void check_frames(const EpisodeCollection& data) {
    const auto& mapping = data.description()->mapping;
    QCOMPARE(mapping.static_camera, "observation.images.front"s);
    QCOMPARE(mapping.gripper_camera, "observation.images.wrist"s);
    QCOMPARE(mapping.action[2].name, "gripper"s);
    QCOMPARE(data.description()->schema.robot, "made_up"s);
    const auto source = data.open(1);
    QCOMPARE(*source->length(), 4);
    QCOMPARE(source->info().frames_per_second, 10.0);
    for (const int frame : {0, 3, 1, 2}) {
      const auto seen = source->read(frame);
      QCOMPARE(seen->instruction, "pull the block"s);
      QCOMPARE(seen->frame_id, 6 + frame);
      QCOMPARE(seen->other_action[1], 100.0 * frame + 1001);
      QCOMPARE(seen->state[1], -0.5);
      QCOMPARE(MadeLerobot::number_of(*seen->rgb_static), 6 + frame);
      QCOMPARE(MadeLerobot::number_of(*seen->rgb_gripper), 100 + 6 + frame);
      QVERIFY(std::abs(seen->timestamp_s - 0.1 * frame) < 1e-6);
    }
  }
#endif
};

DEER_SUITE(TestLerobot)
#include "tst_lerobot.moc"
