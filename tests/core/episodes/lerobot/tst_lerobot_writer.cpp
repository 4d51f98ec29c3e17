// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <fstream>

#include "core/base/json_file.h"
#include "core/episodes/lerobot/lerobot_stats.h"
#include "core/episodes/lerobot/lerobot_writer.h"
#include "core/episodes/lerobot/parquet_file.h"
#include "core/episodes/open/open_source.h"
#include "core/episodes/recording_collection.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;
using namespace std::string_literals;

namespace {

// One grey, which survives lossy compression well enough to be told from the next.
ImagePtr grey(int width, int height, int value) {
  auto out = std::make_shared<Image>();
  out->width = width;
  out->height = height;
  out->rgb.assign(static_cast<std::size_t>(width * height * 3), static_cast<std::uint8_t>(value));
  return out;
}

int value_of(const ImagePtr& picture) { return picture ? picture->rgb[picture->rgb.size() / 2] : -1; }

RecordingSchema schema() {
  RecordingSchema out;
  out.robot = "so101_follower";
  out.cameras = {{"observation.images.top", 64, 48}, {"observation.images.odd"}};
  out.series = {
      {"action", {"shoulder.pos", "gripper.pos"}}, {"observation.state", {"", ""}}, {"prediction.exit", {"exit"}}};
  return out;
}

RecordedFrame frame(int number) {
  RecordedFrame out;
  out.pictures = {grey(64, 48, 20 * number), grey(15, 11, 20 * number)};
  out.series = {{number + 0.25, 1.0 - number}, {0.5, number * 2.0}, {static_cast<double>(number % 3)}};
  return out;
}

}  // namespace

#define SKIP_WITHOUT_ARROW() \
  if (!ParquetFile::is_available()) QSKIP("this build has no Apache Arrow")

class TestLerobotWriter : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void statistics() {
    const std::vector<double> values = {1, 10, 3, 10, std::nan(""), 10, 5, 10};
    auto stats = lerobot_stats(values, 2);
    QCOMPARE(stats.count, 4);
    QCOMPARE(stats.min, (std::vector<double>{1, 10}));
    QCOMPARE(stats.max, (std::vector<double>{5, 10}));
    QCOMPARE(stats.mean, (std::vector<double>{3, 10}));
    QCOMPARE(stats.deviation[1], 0.0);
    QCOMPARE(stats.quantiles[2], (std::vector<double>{3, 10}));
    // As if all rows had been there at once.
    auto parts = lerobot_stats(std::vector<double>{1, 2, 6}, 1);
    parts.add(lerobot_stats(std::vector<double>{-4, 9}, 1));
    const auto whole = lerobot_stats(std::vector<double>{1, 2, 6, -4, 9}, 1);
    QCOMPARE(parts.mean[0], whole.mean[0]);
    QVERIFY(std::abs(parts.deviation[0] - whole.deviation[0]) < 1e-12);
    QCOMPARE(parts.min[0], -4.0);
    QCOMPARE(parts.count, 5);
    PictureStats pictures;
    pictures.add(*grey(4, 4, 0));
    pictures.add(*grey(4, 4, 255));
    const auto colours = pictures.stats();
    QCOMPARE(colours.count, 2);
    QCOMPARE(colours.mean, (std::vector<double>{0.5, 0.5, 0.5}));
    QCOMPARE(colours.deviation, (std::vector<double>{0.5, 0.5, 0.5}));
    QCOMPARE(lerobot_stats_json(colours, true)["max"].dump(), "[[[1.0]],[[1.0]],[[1.0]]]"s);
  }

  void what_is_written_opens_again() {
    SKIP_WITHOUT_ARROW();
    const TemporaryFolder folder;
    const auto root = folder / "out";
    LerobotWriter writer(root, schema(), 10);
    for (int i = 0; i < 5; ++i) writer.add(frame(i), "push");
    writer.end_episode();
    writer.end_episode();  // which has no frame
    writer.begin_split("validation");
    for (int i = 5; i < 8; ++i) writer.add(frame(i), i < 7 ? "pull" : "push");
    writer.finish();
    QCOMPARE(writer.episodes(), 2);
    QCOMPARE(writer.frames(), 8);

    const auto data = open_source(root);
    QCOMPARE(data->kind(), "LeRobot v3.0"s);
    QVERIFY2(data->warnings().empty(), data->warnings().empty() ? "" : data->warnings().front().c_str());
    QCOMPARE(data->episodes().size(), std::size_t{2});
    QCOMPARE(data->episodes()[1].first_frame_id, 5);
    const auto& found = data->description()->schema;
    QCOMPARE(found.robot, "so101_follower"s);
    QCOMPARE(found.series[0].columns, (std::vector<std::string>{"shoulder.pos", "gripper.pos"}));
    for (std::size_t episode = 0; episode < 2; ++episode) {
      const auto source = data->open(episode);
      const int first = episode == 0 ? 0 : 5;
      QCOMPARE(source->length().value(), episode == 0 ? 5 : 3);
      for (int i = 0; i < source->length().value(); ++i) {
        const auto seen = source->read(i);
        const int number = first + i;
        QVERIFY(std::abs(seen->timestamp_s - i / 10.0) < 1e-6);
        QCOMPARE(seen->other_action, (std::vector<double>{number + 0.25, 1.0 - number}));
        QCOMPARE(seen->state[1], number * 2.0);
        for (std::size_t camera = 0; camera < 2; ++camera) {
          const auto at = found.cameras[camera].name;
          const int shown = value_of(seen->pictures[camera]);
          QVERIFY2(std::abs(shown - 20 * number) < 8, (at + ": " + std::to_string(shown)).c_str());
        }
      }
    }
    const auto spans = data->open(1)->instructions();
    QCOMPARE(spans.size(), std::size_t{2});
    QCOMPARE(spans[1].instruction, "push"s);
  }

  void meta_says_what_lerobot_expects() {
    SKIP_WITHOUT_ARROW();
    const TemporaryFolder folder;
    const auto root = folder / "out";
    LerobotWriter writer(root, schema(), 12.5);
    for (int i = 0; i < 4; ++i) writer.add(frame(i), "push");
    writer.begin_split("validation");
    for (int i = 0; i < 2; ++i) writer.add(frame(i), "pull");
    writer.finish();
    const auto info = read_json(root / "meta" / "info.json");
    QCOMPARE(info["codebase_version"].get<std::string>(), "v3.0"s);
    QCOMPARE(info["total_frames"].get<int>(), 6);
    QCOMPARE(info["total_tasks"].get<int>(), 2);
    QCOMPARE(info["fps"].get<double>(), 12.5);
    QCOMPARE(info["splits"].dump(), R"({"train":"0:1","validation":"1:2"})"s);
    QCOMPARE(info["features"]["observation.state"]["names"].dump(),
             R"(["observation.state_0","observation.state_1"])"s);
    QCOMPARE(info["features"]["observation.images.top"]["dtype"].get<std::string>(), "video"s);
    QCOMPARE(info["features"]["observation.images.odd"]["dtype"].get<std::string>(), "image"s);
    QCOMPARE(info["features"]["observation.images.odd"]["shape"].dump(), "[11,15,3]"s);
    const auto stats = read_json(root / "meta" / "stats.json");
    QCOMPARE(stats["action"]["max"].dump(), "[3.25,1.0]"s);
    QCOMPARE(stats["index"]["count"].dump(), "[6]"s);
    QCOMPARE(stats["observation.images.top"]["mean"].size(), std::size_t{3});
    const ParquetFile tasks(root / "meta" / "tasks.parquet");
    QCOMPARE(tasks.texts("__index_level_0__", 0, 2), (std::vector<std::string>{"push", "pull"}));
    const ParquetFile episodes(root / "meta" / "episodes" / "chunk-000" / "file-000.parquet");
    const auto number = [&](const char* column) { return episodes.numbers(column, 1, 1).values.at(0); };
    QCOMPARE(number("dataset_from_index"), 4.0);
    QCOMPARE(number("dataset_to_index"), 6.0);
    QVERIFY(std::abs(number("videos/observation.images.top/from_timestamp") - 4 / 12.5) < 1e-9);
    QVERIFY(std::abs(number("videos/observation.images.top/to_timestamp") - 6 / 12.5) < 1e-9);
    QVERIFY(episodes.find("videos/observation.images.odd/file_index") == nullptr);
    QCOMPARE(episodes.numbers("stats/action/mean", 0, 1).values.at(0), 1.75);
    const ParquetFile rows(root / "data" / "chunk-000" / "file-000.parquet");
    QCOMPARE(rows.numbers("index", 0, 6).values, (std::vector<double>{0, 1, 2, 3, 4, 5}));
    QCOMPARE(rows.numbers("task_index", 0, 6).values, (std::vector<double>{0, 0, 0, 0, 1, 1}));
    QCOMPARE(rows.numbers("frame_index", 4, 2).values, (std::vector<double>{0, 1}));
    QCOMPARE(rows.numbers("prediction.exit", 0, 3).values, (std::vector<double>{0, 1, 2}));
  }

  void a_killed_recording_keeps_what_has_ended() {
    SKIP_WITHOUT_ARROW();
    const TemporaryFolder folder;
    const auto root = folder / "out";
    LerobotWriterOptions options;
    options.frames_a_file = 1;
    options.videos = false;
    {
      LerobotWriter writer(root, schema(), 30, options);
      for (int episode = 0; episode < 2; ++episode) {
        for (int i = 0; i < 3; ++i) writer.add(frame(i), "push");
        writer.end_episode();
      }
      writer.add(frame(9), "lost");
    }
    const auto data = open_source(root);
    QCOMPARE(data->episodes().size(), std::size_t{2});
    QVERIFY(std::filesystem::exists(root / "data" / "chunk-000" / "file-001.parquet"));
    QCOMPARE(value_of(data->open(1)->read(2)->pictures[0]), 40);  // stored without loss
    for (const auto& file : std::filesystem::recursive_directory_iterator(root)) {
      QVERIFY2(file.path().extension() != ".part", file.path().c_str());
    }
  }

  void missing_parts_are_filled() {
    SKIP_WITHOUT_ARROW();
    const TemporaryFolder folder;
    LerobotWriterOptions options;
    options.videos = false;
    LerobotWriter writer(folder / "out", schema(), 30, options);
    auto first = frame(1);
    first.pictures = {nullptr, nullptr};  // the second camera's size is not known
    writer.add(first, "");
    writer.add(frame(2), "");
    auto last = frame(3);
    last.pictures[0].reset();
    last.series[1].clear();
    writer.add(last, "");
    writer.finish();
    const auto data = open_source(folder / "out");
    QCOMPARE(data->description()->schema.cameras.size(), std::size_t{1});
    const auto source = data->open(0);
    QCOMPARE(value_of(source->read(0)->pictures[0]), 0);
    QCOMPARE(value_of(source->read(2)->pictures[0]), 40);
    QVERIFY(std::isnan(source->read(2)->state[0]));
  }

  void what_cannot_be_written_is_named() {
    SKIP_WITHOUT_ARROW();
    const TemporaryFolder folder;
    std::ofstream(folder / "file") << "x";
    DEER_VERIFY_ERROR(LerobotWriter(folder.path(), schema(), 30), "expected a new or an empty folder");
    DEER_VERIFY_ERROR(LerobotWriter(folder / "file", schema(), 30), "expected a new or an empty folder");
    DEER_VERIFY_ERROR(LerobotWriter(folder / "a", schema(), 0), "needs a rate above 0");
    LerobotWriter writer(folder / "b", schema(), 30);
    DEER_VERIFY_ERROR(writer.finish(), "gets no frame");
    make_lerobot_folder(folder / "made");
    QVERIFY(std::filesystem::is_empty(folder / "made"));
    DEER_VERIFY_ERROR(make_lerobot_folder(folder.path()), "expected a new or an empty folder");
    DEER_VERIFY_ERROR(make_lerobot_folder(folder / "file" / "below"), "cannot make the folder");
    writer.add(frame(0), "push");
    auto wrong = frame(1);
    wrong.series[0] = {1, 2, 3};
    QVERIFY_THROWS_EXCEPTION(FrameMismatch, writer.add(wrong, "push"));
    DEER_VERIFY_ERROR(writer.add(wrong, "push"), "'action' has 3 numbers, expected 2");
    wrong = frame(1);
    wrong.pictures[0] = grey(32, 48, 0);
    DEER_VERIFY_ERROR(writer.add(wrong, "push"),
                      "'observation.images.top' has 32 x 48 pixels, the earlier ones 64 x 48");
    writer.finish();
    QCOMPARE(open_source(folder / "b")->open(0)->length().value(), 1);
  }
};

DEER_SUITE(TestLerobotWriter)
#include "tst_lerobot_writer.moc"
