// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <fstream>
#include <numbers>

#include "core/episodes/calvin/calvin_dataset.h"
#include "core/episodes/calvin/calvin_frame.h"
#include "core/episodes/calvin/calvin_writer.h"
#include "core/episodes/numpy/npz.h"
#include "core/episodes/numpy/numpy_pickle.h"
#include "core/episodes/open/open_source.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;
using namespace std::string_literals;

namespace {

ImagePtr picture(int width, int height, int shade) {
  auto image = std::make_shared<Image>();
  image->width = width;
  image->height = height;
  for (unsigned i = 0; i < unsigned(width * height * 3); ++i)
    image->rgb.push_back(static_cast<std::uint8_t>(i * i / 7 + unsigned(shade)));
  return image;
}

CalvinStep step(int i) {
  CalvinStep out;
  out.rgb_static = picture(200, 200, i);
  out.rgb_gripper = picture(84, 84, 100 + i);
  const auto fill = [i](auto& values, double start) {
    for (std::size_t k = 0; k < values.size(); ++k)
      values[k] = start + i * 0.1 + static_cast<double>(k) * std::numbers::pi;
  };
  fill(out.action, -1);
  fill(out.rel_action, 0);
  fill(out.robot_obs, 1e-9);
  fill(out.scene_obs, 3);
  return out;
}

CalvinWriterOptions starting_at(std::int64_t id) {
  CalvinWriterOptions options;
  options.first_frame_id = id;
  options.flush_every = {};
  return options;
}

QString list(const EpisodeCollection& collection) {
  QString out;
  for (const auto& entry : collection.episodes()) {
    out += QString("%1 %2-%3 %4\n")
               .arg(QString::fromStdString(entry.split))
               .arg(entry.first_frame_id)
               .arg(entry.last_frame_id)
               .arg(QString::fromStdString(entry.title + " [" + entry.task + "]"));
  }
  return out;
}

std::string first_line(const std::vector<std::string>& lines) { return lines.empty() ? std::string() : lines.front(); }

}  // namespace

class TestCalvinWriter : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void reads_back_bit_for_bit() {
    const TemporaryFolder folder;
    CalvinWriter writer(folder / "training", starting_at(1000));
    QCOMPARE(writer.add(step(0)), 1000);
    QCOMPARE(writer.add(step(1)), 1001);
    writer.flush();
    for (int i = 0; i < 2; ++i) {
      const auto expected = step(i);
      const auto found = read_calvin_frame(calvin_frame_path(folder / "training", 1000 + i));
      QVERIFY(found.rgb_static->rgb == expected.rgb_static->rgb);
      QVERIFY(found.rgb_gripper->rgb == expected.rgb_gripper->rgb);
      QCOMPARE(found.rgb_static->width, 200);
      QCOMPARE(found.rgb_gripper->height, 84);
      QVERIFY(*found.action == expected.action);
      QVERIFY(*found.rel_action == expected.rel_action);
      QVERIFY(*found.robot_obs == expected.robot_obs);
      QVERIFY(*found.scene_obs == expected.scene_obs);
    }
  }

  void lists_segments_and_annotations() {
    const TemporaryFolder folder;
    CalvinWriter writer(folder / "validation", starting_at(50));
    writer.begin_segment();
    for (int i = 0; i < 5; ++i) writer.add(step(i));
    writer.annotate({53, 54}, "place the block – gently", "place_in_drawer");
    writer.annotate({50, 52}, "open the drawer", "open_drawer");
    writer.begin_segment();
    writer.begin_segment();
    for (int i = 0; i < 3; ++i) writer.add(step(i));
    writer.flush();
    const auto collection = open_source(folder.path());
    QVERIFY2(collection->warnings().empty(), first_line(collection->warnings()).c_str());
    QCOMPARE(list(*collection), QString("validation 50-52 open the drawer [open_drawer]\n"
                                        "validation 53-54 place the block – gently [place_in_drawer]\n"
                                        "validation 50-54 frames 50–54 []\n"
                                        "validation 56-58 frames 56–58 []\n"));
    const auto source = collection->open(2);
    QCOMPARE(source->info().frames_per_second, 30.0);
    QCOMPARE(source->instructions().size(), std::size_t{2});
    QCOMPARE(source->read(4)->instruction, "place the block – gently"s);
  }

  void writes_what_calvins_loader_asks_for() {
    const TemporaryFolder folder;
    CalvinWriter writer(folder.path(), starting_at(7));
    for (int i = 0; i < 3; ++i) writer.add(step(i));
    writer.annotate({7, 8}, "a", "b");
    writer.flush();

    const auto lengths = NpyArray::open(folder / "ep_lens.npy");
    QCOMPARE(lengths.describe(), "int64 [1]"s);
    QCOMPARE(lengths.integer(0), 3);
    QCOMPARE(NpyArray::open(folder / "ep_start_end_ids.npy").describe(), "int64 [1, 2]"s);

    const auto file = MappedFile::open(folder / "lang_annotations/auto_lang_ann.npy");
    const auto annotations = NumpyPickle::from_npy(file->bytes(), file->path());
    const auto root = NumpyPickle::sequence(annotations.root());
    QVERIFY(root && root->size() == 1);
    const auto* language = NumpyPickle::entry(*root->front(), "language");
    QVERIFY(language != nullptr);
    const auto embeddings = NumpyPickle::array(*NumpyPickle::entry(*language, "emb"));
    QVERIFY(embeddings);
    QCOMPARE(embeddings->describe(), "float32 [1, 1, 384]"s);

    const auto scene_file = MappedFile::open(folder / "scene_info.npy");
    const auto scene = NumpyPickle::from_npy(scene_file->bytes(), scene_file->path());
    const auto* frames = NumpyPickle::entry(*NumpyPickle::sequence(scene.root())->front(), "calvin_scene_deerscope");
    QVERIFY(frames != nullptr);
    const auto ids = NumpyPickle::sequence(*frames);
    QCOMPARE(NumpyPickle::integer(*ids->at(0)), std::optional<std::int64_t>(7));
    QCOMPARE(NumpyPickle::integer(*ids->at(1)), std::optional<std::int64_t>(9));

    std::vector<std::string> warnings;
    const auto statistics = read_calvin_statistics(folder.path(), warnings);
    QVERIFY2(warnings.empty(), first_line(warnings).c_str());
    QCOMPARE(*statistics.control_hz, 30.0);
    QCOMPARE(*statistics.max_rel_pos_m, 0.02);
    QCOMPARE(*statistics.max_rel_orn_rad, 0.05);
    // Three steps 0.1 apart: their mean is the middle one, their deviation 0.1 * sqrt(2 / 3).
    QCOMPARE(statistics.robot_obs_mean.size(), std::size_t{15});
    QVERIFY(std::abs(statistics.robot_obs_mean[2] - step(1).robot_obs[2]) < 1e-12);
    QVERIFY(std::abs(statistics.robot_obs_std[14] - 0.1 * std::sqrt(2.0 / 3.0)) < 1e-12);
  }

  void further_blocks_are_kept() {
    const TemporaryFolder folder;
    CalvinWriter writer(folder.path(), starting_at(1));
    auto with_blocks = step(0);
    with_blocks.blocks = {{{0.1, -0.1, 0.46}, {0, 0, 0.3}, 0.045, BlockColour::green},
                          {{-0.1, -0.1, 0.455}, {0, 0, 0}, 0.03, BlockColour::red}};
    writer.add(with_blocks);
    writer.add(step(1));
    QVERIFY(read_calvin_frame(calvin_frame_path(folder.path(), 1)).blocks == with_blocks.blocks);
    QVERIFY(read_calvin_frame(calvin_frame_path(folder.path(), 2)).blocks.empty());
    with_blocks.blocks[1].edge = std::nan("");
    DEER_VERIFY_ERROR(writer.add(with_blocks), "'scene_blocks' that is not finite");
  }

  void a_killed_recording_opens() {
    const TemporaryFolder folder;
    CalvinWriter writer(folder / "training", starting_at(0));
    writer.begin_segment();
    writer.add(step(0));
    writer.add(step(1));
    writer.annotate({0, 1}, "open the drawer", "open_drawer");
    writer.flush();
    // These come after the last writing of the index; the last of them is cut short.
    writer.add(step(2));
    writer.add(step(3));
    std::filesystem::resize_file(calvin_frame_path(folder / "training", 3), 100);
    const auto collection = open_source(folder.path());
    QCOMPARE(list(*collection), QString("training 0-1 open the drawer [open_drawer]\ntraining 0-1 frames 0–1 []\n"));
    QVERIFY(collection->open(0)->read(1)->rgb_static->rgb == step(1).rgb_static->rgb);
  }

  void flushes_at_intervals() {
    const TemporaryFolder folder;
    auto options = starting_at(0);
    options.flush_every = std::chrono::nanoseconds(1);
    CalvinWriter writer(folder.path(), options);
    writer.add(step(0));
    QCOMPARE(NpyArray::open(folder / "ep_lens.npy").integer(0), 1);
    writer.add(step(1));
    QCOMPARE(NpyArray::open(folder / "ep_lens.npy").integer(0), 2);
  }

  void refuses_what_is_no_step() {
    const TemporaryFolder folder;
    CalvinWriter writer(folder.path(), starting_at(0));
    auto bad = step(0);
    bad.rgb_gripper = nullptr;
    DEER_VERIFY_ERROR(writer.add(bad), "no image 'rgb_gripper'");
    bad = step(0);
    bad.scene_obs[5] = std::nan("");
    DEER_VERIFY_ERROR(writer.add(bad), "'scene_obs' that is not finite");
    auto cut = std::make_shared<Image>(*step(0).rgb_static);
    cut->rgb.pop_back();
    bad = step(0);
    bad.rgb_static = cut;
    DEER_VERIFY_ERROR(writer.add(bad), "uint8 [200, 200, 3] was given 119999 bytes");
    DEER_VERIFY_ERROR(writer.annotate({0, 0}, "a", "b"), "not in the current segment");
    QCOMPARE(writer.add(step(0)), 0);
    QVERIFY(read_calvin_frame(calvin_frame_path(folder.path(), 0)).rgb_static->rgb == step(0).rgb_static->rgb);
    DEER_VERIFY_ERROR(writer.annotate({0, 1}, "a", "b"), "not in the current segment");
    CalvinWriter last(folder.path(), starting_at(9'999'999));
    last.add(step(0));
    DEER_VERIFY_ERROR(last.add(step(1)), "seven digits");
    folder.write("file", std::string_view("x"));
    DEER_VERIFY_ERROR(CalvinWriter(folder / "file" / "training"), "cannot create the folder");
  }

  void indices_add_up() {
    const TemporaryFolder folder;
    CalvinWriter whole(folder / "whole", starting_at(0));
    CalvinWriter first(folder / "parts", starting_at(0));
    CalvinWriter second(folder / "parts", starting_at(100));
    for (int i = 0; i < 7; ++i) whole.add(step(i * i));
    for (int i = 0; i < 4; ++i) first.add(step(i * i));
    for (int i = 4; i < 7; ++i) second.add(step(i * i));
    second.annotate({101, 102}, "über – alles\xff", "b");
    // Through JSON, as a recorder hands its part over.
    const auto copy = [&](const CalvinIndex& index) {
      return CalvinIndex::from_json(JsonFields("part.json", Json::parse(index.to_json().dump())));
    };
    CalvinIndex sum = copy(second.index());
    sum.add(copy(first.index()));
    sum.add(copy(CalvinIndex{}));
    QCOMPARE(sum.frames(), 7);
    QCOMPARE(sum.annotations.front().instruction, "über – alles\xEF\xBF\xBD"s);
    QVERIFY(sum.action_min == whole.index().action_min);
    QVERIFY(sum.action_max == whole.index().action_max);
    for (std::size_t i = 0; i < 15; ++i) {
      QVERIFY(std::abs(sum.robot_obs.mean()[i] - whole.index().robot_obs.mean()[i]) < 1e-12);
      QVERIFY(std::abs(sum.robot_obs.deviation()[i] - whole.index().robot_obs.deviation()[i]) < 1e-12);
    }
    write_calvin_index(folder / "parts", sum, "scene");
    QCOMPARE(list(*open_source(folder / "parts")), QString("parts 101-102 über – alles\uFFFD [b]\n"
                                                           "parts 0-3 frames 0–3 []\n"
                                                           "parts 100-102 frames 100–102 []\n"));
    const auto json = Json::parse(R"({"segments": [[1, "x"]]})");
    DEER_VERIFY_ERROR(CalvinIndex::from_json(JsonFields("part.json", json)), "part.json");
  }
};

DEER_SUITE(TestCalvinWriter)
#include "tst_calvin_writer.moc"
