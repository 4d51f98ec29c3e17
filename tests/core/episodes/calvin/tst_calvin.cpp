// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <algorithm>
#include <array>
#include <cmath>

#include "core/episodes/calvin/calvin_dataset.h"
#include "core/episodes/calvin/calvin_frame.h"
#include "core/episodes/open/open_source.h"
#include "tests/support/make_npy.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;
using namespace std::string_literals;
using Kind = EpisodeEntry::Kind;

namespace {

const std::filesystem::path kMini = DEER_TEST_DATA "/calvin_mini";

QString list(const EpisodeCollection& collection) {
  QString out;
  for (const auto& entry : collection.episodes()) {
    out += QString("%1 %2 %3-%4 %5\n")
               .arg(QString::fromStdString(entry.split), entry.kind == Kind::play_segment ? "play" : "lang")
               .arg(entry.first_frame_id)
               .arg(entry.last_frame_id)
               .arg(QString::fromStdString(entry.title + (entry.task.empty() ? "" : " [" + entry.task + "]")));
  }
  return out;
}

Bytes ids(const std::vector<std::int64_t>& flat) {
  return make_npy("<i8", "(" + std::to_string(flat.size() / 2) + ", 2)", raw(flat));
}

std::string first_line(const std::vector<std::string>& lines) { return lines.empty() ? std::string() : lines.front(); }

}  // namespace

class TestCalvin : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void lists_a_dataset() {
    const auto collection = open_source(kMini);
    QCOMPARE(collection->kind(), "CALVIN"s);
    QVERIFY2(collection->warnings().empty(), first_line(collection->warnings()).c_str());
    QCOMPARE(list(*collection),
             QString("training lang 358482-358501 switch on the light bulb [turn_on_lightbulb]\n"
                     "training lang 358502-358521 place the block in the drawer – gently [place_in_drawer]\n"
                     "training lang 358600-358614 slide the door to the right side [move_slider_right]\n"
                     "training lang 358615-358629 slide the door to the right side [move_slider_right]\n"
                     "training play 358482-358521 frames 358482–358521\n"
                     "training play 358600-358629 frames 358600–358629\n"
                     "validation lang 553567-553584 lift the red block [lift_red_block_table]\n"
                     "validation lang 553585-553602 place the block in the drawer – gently [place_in_drawer]\n"
                     "validation play 553567-553602 frames 553567–553602\n"));
    DEER_VERIFY_ERROR(collection->open(9), "episode 9 does not exist");
  }

  void lists_a_split() {
    for (const char* name : {"other_protocol_2", "other_protocol_5", "validation", "validation/"}) {
      const auto collection = open_source(kMini / name);
      QCOMPARE(collection->episodes().size(), std::size_t{3});
      QCOMPARE(collection->episodes()[0].split + "/",
               std::filesystem::path(name).filename().empty() ? name : name + "/"s);
      const auto source = collection->open(2);
      for (std::int64_t i = 0; i < *source->length(); ++i) QVERIFY(source->read(i)->rgb_static);
    }
  }

  void reads_statistics() {
    const auto dataset = CalvinDataset::open(kMini, {});
    QCOMPARE(dataset->splits().size(), std::size_t{2});
    const auto& statistics = dataset->splits()[0].statistics;
    QCOMPARE(*statistics.control_hz, 30.0);
    QCOMPARE(*statistics.max_rel_pos_m, 0.02);
    QCOMPARE(*statistics.max_rel_orn_rad, 0.05);
    QCOMPARE(statistics.robot_obs_std, std::vector<double>(15, 1.0));
  }

  void broken_statistics_are_a_warning() {
    const auto found = [](const std::string& yaml) {
      const TemporaryFolder folder;
      folder.write("statistics.yaml", yaml);
      std::vector<std::string> warnings;
      const auto statistics = read_calvin_statistics(folder.path(), warnings);
      return first_line(warnings) + (statistics.control_hz ? " " + std::to_string(*statistics.control_hz) : "");
    };
    QCOMPARE(found(""), ""s);
    QCOMPARE(found("control_freq: 15"), " 15.000000"s);
    QCOMPARE(found("- a list"), ""s);
    QVERIFY(found("a: [1, 2").find("statistics.yaml: not valid YAML at line 1") != std::string::npos);
    QVERIFY(found("env: {control_freq: -3}").find("'control_freq' is '-3', expected a positive number") !=
            std::string::npos);
    QVERIFY(found("env: {control_freq: .nan}").find("'control_freq' is '.nan'") != std::string::npos);
    QVERIFY(found("env: {control_freq: [1]}").find("'control_freq' is not a single value") != std::string::npos);
    QVERIFY(found("robot_obs: [{mean: [1], std: [x]}]").find("'robot_obs' has a mean or std") != std::string::npos);
    QVERIFY(found(std::string(100'000, '[')).find("statistics.yaml: ") != std::string::npos);
  }

  void an_annotation_carries_its_instruction() {
    const auto collection = open_source(kMini);
    const auto source = collection->open(1);
    QCOMPARE(*source->length(), 20);
    QCOMPARE(source->info().title, "training, place the block in the drawer – gently"s);
    QCOMPARE(source->info().frames_per_second, 30.0);
    QVERIFY(source->info().has_gripper_camera);
    QCOMPARE(source->instructions().size(), std::size_t{1});
    const auto frame = source->read(3);
    QCOMPARE(frame->frame, 3);
    QCOMPARE(frame->frame_id, 358505);
    QCOMPARE(frame->timestamp_s, 0.1);
    QCOMPARE(frame->instruction, "place the block in the drawer – gently"s);
    QCOMPARE(frame->rgb_static->width, 200);
    QCOMPARE(frame->rgb_gripper->height, 84);
    QVERIFY(frame->robot_obs && frame->scene_obs && frame->action && frame->rel_action);
    // As numpy reads this file.
    QVERIFY(std::abs((*frame->robot_obs)[0] - 0.07081706) < 1e-8 &&
            std::abs((*frame->robot_obs)[13] - 0.44710334) < 1e-8);
    QVERIFY(std::abs((*frame->rel_action)[1] - 0.0926202) < 1e-7);
    QCOMPARE((*frame->robot_obs)[14], -1.0);
    const auto pixel = [](const Image& image, int row, int column) {
      const auto* at = image.rgb.data() + 3 * (row * image.width + column);
      return std::array<int, 3>{at[0], at[1], at[2]};
    };
    QCOMPARE(pixel(*frame->rgb_static, 10, 20), (std::array{124, 117, 105}));
    QCOMPARE(pixel(*frame->rgb_static, 199, 199), (std::array{200, 190, 170}));
    QCOMPARE(pixel(*frame->rgb_gripper, 3, 80), (std::array{122, 116, 104}));
    DEER_VERIFY_ERROR(source->read(20), "frame 20 does not exist");
    DEER_VERIFY_ERROR(source->read(-1), "frame -1 does not exist");
  }

  void a_play_segment_carries_spans() {
    const auto source = open_source(kMini)->open(4);
    QCOMPARE(*source->length(), 40);
    const auto& spans = source->instructions();
    QCOMPARE(spans.size(), std::size_t{2});
    QCOMPARE(spans[1].first, 20);
    QCOMPARE(spans[1].last, 39);
    QCOMPARE(spans[1].task, "place_in_drawer"s);
    QCOMPARE(source->read(19)->instruction, "switch on the light bulb"s);
    QCOMPARE(source->read(20)->instruction, "place the block in the drawer – gently"s);
    // In order to the end, and no further.
    std::stop_source stop;
    for (std::int64_t i = 0; i < 40; ++i) QCOMPARE(source->next(stop.get_token())->frame, i);
    QVERIFY(source->next(stop.get_token()) == nullptr);
  }

  void opens_at_the_size_of_the_real_dataset() {
    const TemporaryFolder folder;
    // 2.4 million frames in 24 play segments and 24,000 annotations, and not one frame file.
    std::vector<std::int64_t> segments;
    for (std::int64_t i = 0; i < 24; ++i) segments.insert(segments.end(), {i * 100'000, i * 100'000 + 99'999});
    folder.write("training/ep_start_end_ids.npy", ids(segments));
    std::string ann = "(l", indx = "(l";
    for (int i = 0; i < 24'000; ++i) {
      ann += "Vinstruction " + std::to_string(i) + "\na";
      indx += "(I" + std::to_string(i * 100) + "\nI" + std::to_string(i * 100 + 63) + "\nta";
    }
    const auto pickle = "(Vlanguage\n(Vann\n" + ann + "Vtask\n" + ann + "dVinfo\n(Vindx\n" + indx + "dd.";
    folder.write("training/lang_annotations/auto_lang_ann.npy", make_npy("|O", "()", bytes_of(pickle)));
    const auto collection = open_source(folder.path());
    QVERIFY2(collection->warnings().empty(), first_line(collection->warnings()).c_str());
    QCOMPARE(collection->episodes().size(), std::size_t{24'024});
    std::int64_t frames = 0;
    for (const auto& entry : collection->episodes()) frames += entry.kind == Kind::play_segment ? entry.length() : 0;
    QCOMPARE(frames, 2'400'000);
    DEER_VERIFY_ERROR(collection->open(0), "episode_0000000.npz: cannot open: No such file");
    // A single frame is all that an episode needs.
    folder.write("training/episode_2300000.npz", make_zip(calvin_members()));
    const auto source = collection->open(24'023);
    QCOMPARE(source->read(0)->frame_id, 2'300'000);
    QCOMPARE(*source->length(), 100'000);
    QCOMPARE(source->instructions().size(), std::size_t{1000});
  }

  void half_a_dataset_opens_with_a_warning() {
    const TemporaryFolder folder;
    folder.write("training/ep_start_end_ids.npy", ids({1, 3}));
    folder.write("training/lang_annotations/auto_lang_ann.npy",
                 make_npy("|O", "()", bytes_of("cos\nsystem\n(Vid\ntR.")));
    std::filesystem::create_directories(folder / "validation");
    auto collection = open_source(folder.path());
    QCOMPARE(list(*collection), "training play 1-3 frames 1–3\n");
    QCOMPARE(collection->warnings().size(), std::size_t{2});
    QVERIFY(collection->warnings()[0].find("auto_lang_ann.npy: pickled data names 'os.system'") != std::string::npos);
    QVERIFY(collection->warnings()[1].find("validation: has neither ep_start_end_ids.npy") != std::string::npos);

    // No annotations at all.
    std::filesystem::remove_all(folder / "training/lang_annotations");
    collection = open_source(folder / "training");
    QVERIFY(first_line(collection->warnings())
                .ends_with("auto_lang_ann.npy: does not exist; only play segments are listed"));

    // Annotations without an index.
    folder.write("training/lang_annotations/auto_lang_ann.npy",
                 make_npy("|O", "()", bytes_of("(Vlanguage\n(Vann\n(lVgo\nadVinfo\n(Vindx\n(l(I5\nI6\ntadd.")));
    std::filesystem::remove(folder / "training/ep_start_end_ids.npy");
    collection = open_source(folder / "training");
    QCOMPARE(list(*collection), "training lang 5-6 go\n");
    QVERIFY(first_line(collection->warnings()).ends_with("does not exist; only annotated episodes are listed"));

    // A damaged index is a warning with annotations, and the error without.
    folder.write("training/ep_start_end_ids.npy", "damaged");
    collection = open_source(folder / "training");
    QCOMPARE(collection->episodes().size(), std::size_t{1});
    QVERIFY(first_line(collection->warnings()).find("ep_start_end_ids.npy: array does not begin") != std::string::npos);
    std::filesystem::remove_all(folder / "training/lang_annotations");
    DEER_VERIFY_ERROR(open_source(folder / "training"), "ep_start_end_ids.npy: array does not begin as numpy's .npy");
    folder.write("training/ep_start_end_ids.npy", ids({}));
    std::filesystem::create_directories(folder / "training/lang_annotations");
    DEER_VERIFY_ERROR(open_source(folder / "training"), "training");
  }

  void broken_frames_leave_their_neighbours_alone() {
    const TemporaryFolder folder;
    folder.write("ep_start_end_ids.npy", ids({10, 16}));
    for (int i = 10; i <= 16; ++i) {
      folder.write("episode_00000" + std::to_string(i) + ".npz", make_zip(calvin_members(i)));
    }
    std::filesystem::remove(folder / "episode_0000011.npz");  // a gap
    folder.write("episode_0000012.npz", "");
    const auto whole = make_zip(calvin_members(13));
    folder.write("episode_0000013.npz", std::span(whole).first(whole.size() / 2));
    auto bytes = make_zip(calvin_members(14, false));
    bytes[200] ^= std::byte{1};  // within the first picture: only the checksum can tell
    folder.write("episode_0000014.npz", bytes);
    folder.write("episode_0000015.npz", make_zip(with(calvin_members(15), "rgb_gripper", {})));

    const auto source = open_source(folder.path())->open(0);
    std::stop_source stop;
    QCOMPARE(source->next(stop.get_token())->frame_id, 10);
    DEER_VERIFY_ERROR(source->read(1), "episode_0000011.npz: cannot open: No such file");
    DEER_VERIFY_ERROR(source->read(2), "episode_0000012.npz: not a complete zip file");
    DEER_VERIFY_ERROR(source->read(3), "episode_0000013.npz: not a complete zip file");
    DEER_VERIFY_ERROR(source->read(4), "episode_0000014.npz: member 'rgb_static.npy' is damaged: its checksum differs");
    QVERIFY(source->read(5)->rgb_gripper == nullptr);
    QCOMPARE((*source->read(6)->action)[0], 16.0);
    for (int i = 1; i <= 4; ++i) DEER_VERIFY_ERROR(source->next(stop.get_token()), "episode_00000");
    QCOMPARE(source->next(stop.get_token())->frame_id, 15);
    QCOMPARE(source->next(stop.get_token())->frame_id, 16);
    QVERIFY(source->next(stop.get_token()) == nullptr);
  }

  void frames_name_key_found_and_expected_data() {
    QTest::addColumn<QString>("key");
    QTest::addColumn<QByteArray>("content");
    QTest::addColumn<QString>("message");
    const auto row = [](const char* name, const char* key, const Bytes& npy, const char* message) {
      QTest::newRow(name) << key << QByteArray(reinterpret_cast<const char*>(npy.data()), qsizetype(npy.size()))
                          << message;
    };
    const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
    row("no static picture", "rgb_static", {}, "'rgb_static' is missing");
    row("picture of integers", "rgb_static", make_npy("<i4", "(2, 2, 3)", Bytes(48)),
        "'rgb_static' is int32 [2, 2, 3], expected uint8 [height, width, 3]");
    row("floats up to 255", "rgb_static", make_npy("<f4", "(1, 1, 3)", raw<float>({0, 0.5F, 255})),
        "'rgb_static' holds 255, expected uint8, or floats from 0 to 1");
    row("two channels", "rgb_static", make_npy("|u1", "(2, 2, 2)", Bytes(8)),
        "'rgb_static' is uint8 [2, 2, 2], expected uint8 [height, width, 3]");
    row("no pixels", "rgb_static", make_npy("|u1", "(0, 2, 3)", {}), "'rgb_static' is uint8 [0, 2, 3], expected");
    row("too long", "rgb_static", make_npy("|u1", "(5000, 1, 3)", Bytes(15000)), "'rgb_static' is uint8 [5000, 1, 3]");
    row("gripper picture", "rgb_gripper", make_npy("|u1", "(12,)", Bytes(12)), "'rgb_gripper' is uint8 [12], expected");
    row("six actions", "actions", make_npy("<f8", "(6,)", Bytes(48)), "'actions' is float64 [6], expected numbers [7]");
    row("two dimensions", "robot_obs", make_npy("<f8", "(1, 15)", Bytes(120)),
        "'robot_obs' is float64 [1, 15], expected");
    row("objects", "scene_obs", make_npy("|O", "(24,)", bytes_of("cos\nsystem\n.")),
        "'scene_obs' holds pickled objects");
    row("NaN action", "actions", make_npy("<f8", "(7,)", raw<double>({0, 0, nan, 0, 0, 0, 0})),
        "'actions' holds NaN at index 2, expected a finite number");
    row("infinite action", "rel_actions", make_npy("<f8", "(7,)", raw<double>({0, 0, 0, 0, 0, 0, infinity})),
        "'rel_actions' holds infinity at index 6");
    std::vector<float> obs(15, 0.F);
    obs[14] = static_cast<float>(nan);
    row("NaN state", "robot_obs", make_npy("<f4", "(15,)", raw(obs)), "'robot_obs' holds NaN at index 14");
    row("short data", "actions", make_npy("<f8", "(7,)", Bytes(50)),
        "'actions' has 50 bytes of data, but float64 [7] needs 56");
    row("seven numbers a block", "scene_blocks", make_npy("<f8", "(2, 7)", Bytes(112)),
        "'scene_blocks' is float64 [2, 7], expected float64 or float32 [at most 64, 8]");
    row("too many blocks", "scene_blocks", make_npy("<f8", "(65, 8)", Bytes(4160)),
        "'scene_blocks' is float64 [65, 8]");
    row("no such colour", "scene_blocks", make_npy("<f8", "(1, 8)", raw<double>({0, 0, 0, 0, 0, 0, 0.03, 9})),
        "'scene_blocks', row 0: a block's colour is 9, expected 0 to 3");
    row("no edge", "scene_blocks", make_npy("<f8", "(1, 8)", raw<double>({0, 0, 0, 0, 0, 0, 0, 1})),
        "a block's edge is 0, expected 0 to 1 m");
    row("bomb", "actions", make_npy("<f8", "(4000000,)", Bytes(32'000'000)), "more than the 131072 allowed");
  }
  void frames_name_key_found_and_expected() {
    QFETCH(QString, key);
    QFETCH(QByteArray, content);
    QFETCH(QString, message);
    const TemporaryFolder folder;
    const auto npy = bytes_of({content.constData(), static_cast<std::size_t>(content.size())});
    const auto file = folder.write("episode_0000001.npz", make_zip(with(calvin_members(), key.toStdString(), npy)));
    DEER_VERIFY_ERROR(read_calvin_frame(file), "episode_0000001.npz: ");
    DEER_VERIFY_ERROR(read_calvin_frame(file), message.toStdString());
  }

  void single_precision_and_missing_numbers_are_fine() {
    const TemporaryFolder folder;
    auto members = with(calvin_members(), "actions", make_npy("<f4", "(7,)", raw<float>({1, 2, 3, 4, 5, 6, -1})));
    members = with(with(members, "scene_obs", {}), "rel_actions", {});
    const auto frame = read_calvin_frame(folder.write("x.npz", make_zip(members)));
    QCOMPARE((*frame.action)[6], -1.0);
    QVERIFY(!frame.scene_obs && !frame.rel_action && frame.robot_obs);
  }

  void numbers_and_pictures_of_other_types_are_read() {
    const TemporaryFolder folder;
    const auto read = [&](const char* key, const Bytes& npy) {
      return read_calvin_frame(folder.write("x.npz", make_zip(with(calvin_members(), key, npy))));
    };
    QCOMPARE((*read("rel_actions", make_npy("<i8", "(7,)", raw<std::int64_t>({1, 2, 3, 4, 5, 6, -1}))).rel_action)[6],
             -1.0);
    std::vector<std::uint64_t> big(15, 0x000000000000F03F);  // 1.0, big-endian
    QCOMPARE((*read("robot_obs", make_npy(">f8", "(15,)", raw(big))).robot_obs)[14], 1.0);

    using Pixels = std::vector<std::uint8_t>;
    const auto pixels = [&](const Bytes& npy) { return read("rgb_static", npy).rgb_static; };
    const Pixels rgb = {10, 20, 30, 40, 50, 60};
    const auto alpha = pixels(make_npy("|u1", "(1, 2, 4)", raw(Pixels{10, 20, 30, 255, 40, 50, 60, 255})));
    QCOMPARE(alpha->rgb, rgb);
    const auto first = pixels(make_npy("|u1", "(3, 1, 2)", raw(Pixels{10, 40, 20, 50, 30, 60})));
    QCOMPARE(first->width, 2);
    QCOMPARE(first->rgb, rgb);
    const auto grey = pixels(make_npy("|u1", "(1, 2)", raw(Pixels{7, 9})));
    QCOMPARE(grey->rgb, (Pixels{7, 7, 7, 9, 9, 9}));
    const auto floats = pixels(make_npy("<f4", "(1, 1, 3)", raw<float>({0, 0.5F, 1})));
    QCOMPARE(floats->rgb, (Pixels{0, 128, 255}));
  }

  // As other loaders do, the folder decides how many digits a frame's name has.
  void names_may_have_other_digits_and_places() {
    const TemporaryFolder folder;
    folder.write("a/b/training/ep_start_end_ids.npy", ids({9, 11}));
    for (int i = 9; i <= 11; ++i) {
      const auto number = std::to_string(i);
      folder.write("a/b/training/episode_" + std::string(6 - number.size(), '0') + number + ".npz",
                   make_zip(calvin_members(i)));
    }
    folder.write("a/b/training/lang_clip_resnet50/auto_lang_ann.npy",
                 make_npy("|O", "()", bytes_of("(Vlanguage\n(Vann\n(lVgo\nadVinfo\n(Vindx\n(l(I10\nI19\ntadd.")));
    const auto dataset = open_source(folder / "a/b");
    QCOMPARE(list(*dataset), "training lang 10-11 go\ntraining play 9-11 frames 9–11\n");
    QCOMPARE(dataset->warnings().size(), std::size_t{2});
    QVERIFY(dataset->warnings()[0].ends_with(
        "lang_clip_resnet50/auto_lang_ann.npy: is read in place of lang_annotations/auto_lang_ann.npy"));
    QVERIFY(dataset->warnings()[1].find("the recording ends at frame 11") != std::string::npos);
    QCOMPARE((*dataset->open(0)->read(1)->action)[0], 11.0);
    // An archive that was unpacked into a folder of its own name.
    folder.write("a/readme.txt", "read me");
    const auto below = open_source(folder / "a");
    QCOMPARE(below->episodes().size(), std::size_t{2});
    QVERIFY(below->path() == folder / "a/b");
    QVERIFY2(first_line(below->warnings()).ends_with("a: holds one folder, which is opened instead: b"),
             first_line(below->warnings()).c_str());
    std::filesystem::create_directories(folder / "a/c");
    DEER_VERIFY_ERROR(open_source(folder / "a"), "a: contains nothing to open");
    // Annotations in the split itself.
    std::filesystem::rename(folder / "a/b/training/lang_clip_resnet50/auto_lang_ann.npy",
                            folder / "a/b/training/auto_lang_ann.npy");
    QCOMPARE(open_source(folder / "a/b")->episodes().size(), std::size_t{2});
  }

  // Scenes A and C list their blocks in another order than D.
  void blocks_have_the_colours_of_their_scene() {
    using enum BlockColour;
    const TemporaryFolder folder;
    folder.write("ep_start_end_ids.npy", ids({1, 2, 5, 5, 8, 8}));
    for (const int id : {1, 2, 5, 8}) {
      folder.write("episode_000000" + std::to_string(id) + ".npz", make_zip(calvin_members(id)));
    }
    folder.write(
        "scene_info.npy",
        make_npy("|O", "()", bytes_of("(Vcalvin_scene_A\n(lI0\naI3\naVcalvin_scene_D\n(I4\nI6\ntVodd\nVx\nd.")));
    const auto dataset = CalvinDataset::open(folder.path(), {});
    QVERIFY(std::any_of(dataset->warnings().begin(), dataset->warnings().end(), [](const auto& warning) {
      return warning.ends_with("scene_info.npy: scene 'odd' is not a pair of frame ids; it was skipped");
    }));
    const auto& split = dataset->splits()[0];
    QVERIFY(split.block_order(2) == (CalvinBlockOrder{pink, blue, red}));
    QVERIFY(split.block_order(5) == kStandardBlockOrder && split.block_order(8) == kStandardBlockOrder);
    const auto frame = dataset->open(0)->read(1);
    QCOMPARE(frame->blocks.size(), std::size_t{3});
    QVERIFY(frame->blocks[0].colour == pink && frame->blocks[2].colour == red);
    QCOMPARE(frame->blocks[2].position[0], 2.18);        // numbers 18, 19, 20
    QVERIFY(dataset->open(1)->read(0)->blocks.empty());  // as scene_obs has them
    const auto sorted = in_standard_order(*frame->scene_obs, split.block_order(2));
    QCOMPARE(sorted[6], 2.18);
    QCOMPARE(sorted[18], 2.06);
    QCOMPARE(sorted[12], 2.12);
    // Without scenes, the order in the configuration.
    std::filesystem::remove(folder / "scene_info.npy");
    folder.write(".hydra/merged_config.yaml",
                 "scene:\n  objects:\n    movable_objects:\n      block_red: {file: blocks/block_blue_small.urdf}\n"
                 "      block_blue: {file: blocks/block_red_big.urdf}\n      block_pink: {file: "
                 "blocks/block_pink_middle.urdf}\n");
    QVERIFY(CalvinDataset::open(folder.path(), {})->splits()[0].block_order(1) == (CalvinBlockOrder{blue, red, pink}));
    QVERIFY(!calvin_block_order(std::vector<std::string>{"red", "red", "pink"}));
  }

  void the_robot_decides_where_the_gripper_camera_is() {
    const TemporaryFolder folder;
    folder.write("ep_start_end_ids.npy", ids({1, 1}));
    folder.write("episode_0000001.npz", make_zip(calvin_members(1)));
    const auto camera_of = [&](const std::string& urdf) {
      folder.write(".hydra/merged_config.yaml", "robot: {filename: franka_panda/" + urdf +
                                                    ".urdf}\ncameras: {gripper: {width: 84, height: 84, fov: 75}}\n");
      return CalvinDataset::open(folder.path(), {})->splits()[0].statistics.cameras->gripper->mount_from_camera;
    };
    const auto longer = camera_of("panda_longer_finger"), digit = camera_of("panda_digit"), plain = camera_of("panda");
    QVERIFY(longer.position == calvin_tcp_from_gripper_camera().position);
    QVERIFY(std::abs(longer.position[2] + 0.14) < 1e-12 && std::abs(digit.position[2] + 0.1) < 1e-12);
    QVERIFY(std::abs(digit.position[0] + 0.1) < 1e-12);
    QVERIFY(std::abs(plain.position[0] - 0.1) < 1e-6 && std::abs(plain.position[2] + 0.1) < 1e-12);  // turned by pi
  }

  void states_come_without_pictures() {
    const auto collection = open_source(kMini);
    const auto source = collection->open(4);
    for (const std::int64_t i : {0, 7, 39}) {
      const auto state = source->read_state(i);
      QVERIFY(!state->rgb_static && !state->rgb_gripper);
      const auto whole = source->read(i);
      QVERIFY(whole->rgb_static);
      QCOMPARE(state->frame_id, whole->frame_id);
      QCOMPARE(state->instruction, whole->instruction);
      QVERIFY(state->robot_obs == whole->robot_obs && state->scene_obs == whole->scene_obs);
      QVERIFY(state->action == whole->action && state->rel_action == whole->rel_action);
      QCOMPARE(source->read_state(i), whole);  // from the cache, once it is there
    }
    DEER_VERIFY_ERROR(source->read_state(40), "frame 40 does not exist");
    // Pictures are not even looked at.
    const TemporaryFolder folder;
    const auto broken = with(calvin_members(), "rgb_static", make_npy("<i4", "(2, 2, 3)", Bytes(48)));
    const auto file = folder.write("x.npz", make_zip(broken));
    QVERIFY(read_calvin_state(file).robot_obs);
    DEER_VERIFY_ERROR(read_calvin_frame(file), "rgb_static");
  }

  // Cut anywhere, stored or deflated: an error, never a crash, never wrong data.
  void frames_survive_every_cut() {
    const TemporaryFolder folder;
    for (const bool deflate : {false, true}) {
      const auto whole = make_zip(calvin_members(3, deflate));
      const auto file = folder.write("cut.npz", whole);
      QVERIFY(read_calvin_frame(file).rgb_static);
      for (std::size_t size = whole.size(); size-- > 0;) {
        std::filesystem::resize_file(file, size);
        DEER_VERIFY_ERROR(read_calvin_frame(file), "cut.npz: ");
      }
    }
  }

  void a_frame_opens_its_split() {
    const auto collection = open_source(kMini / "training/episode_0358605.npz");
    QCOMPARE(collection->episodes().size(), std::size_t{6});
    QCOMPARE(collection->episodes()[0].first_frame_id, 358600);
    QCOMPARE(collection->episodes()[0].last_frame_id, 358614);
    QVERIFY(collection->episodes()[1].kind == Kind::play_segment);
    QCOMPARE(collection->episodes()[2].first_frame_id, 358482);

    const TemporaryFolder folder;
    const auto alone = open_source(folder.write("episode_0000042.npz", make_zip(calvin_members())));
    QCOMPARE(alone->episodes().size(), std::size_t{1});
    const auto source = alone->open(0);
    QCOMPARE(*source->length(), 1);
    QCOMPARE(source->read(0)->frame_id, 42);
    DEER_VERIFY_ERROR(alone->open(1), "episode 1 does not exist");
  }
};

DEER_SUITE(TestCalvin)
#include "tst_calvin.moc"
