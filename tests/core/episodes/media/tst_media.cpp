// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>
#include <random>

#include "core/episodes/media/media_files.h"
#include "core/episodes/open/open_source.h"
#include "tests/support/make_zip.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;
using namespace std::string_literals;

namespace {

// A picture whose number can be read back after lossy compression: eight black or white bars.
cv::Mat numbered(int number, int width = 96, int height = 64) {
  cv::Mat out(height, width, CV_8UC3, cv::Scalar(60, 60, 60));
  for (int bit = 0; bit < 8; ++bit) {
    const int value = (number >> bit) & 1 ? 255 : 0;
    out(cv::Rect(bit * width / 8, 0, width / 8, height / 2)) = cv::Scalar(value, value, value);
  }
  return out;
}

int number_of(const Image& image) {
  int number = 0;
  for (int bit = 0; bit < 8; ++bit) {
    const int x = bit * image.width / 8 + image.width / 16, y = image.height / 4;
    if (image.rgb[static_cast<std::size_t>(3 * (y * image.width + x))] > 128) number |= 1 << bit;
  }
  return number;
}

void write_video(const std::filesystem::path& path, const char* fourcc, int frames, double fps = 25, int first = 0) {
  cv::VideoWriter writer(path.string(), cv::CAP_FFMPEG,
                         cv::VideoWriter::fourcc(fourcc[0], fourcc[1], fourcc[2], fourcc[3]), fps, cv::Size(96, 64));
  if (!writer.isOpened()) throw std::runtime_error("cannot write " + path.string());
  for (int i = 0; i < frames; ++i) writer.write(numbered(first + i));
}

}  // namespace

class TestMedia : public QObject {
  Q_OBJECT

 private:
  TemporaryFolder folder_;

  std::filesystem::path image(const std::filesystem::path& name, int number) {
    std::filesystem::create_directories((folder_ / name).parent_path());
    if (!cv::imwrite((folder_ / name).string(), numbered(number))) throw std::runtime_error("cannot write an image");
    return folder_ / name;
  }

 private Q_SLOTS:
  void natural_order() {
    const std::vector<std::string> sorted = {"a1.png",    "a2.png",     "a02.png", "a10.png",
                                             "a10b2.png", "a10b10.png", "b.png"};
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      for (std::size_t j = 0; j < sorted.size(); ++j) {
        if (sorted[i] != "a2.png" && sorted[j] != "a2.png") QCOMPARE(natural_less(sorted[i], sorted[j]), i < j);
      }
    }
    QVERIFY(natural_less("a02.png", "a2.png") != natural_less("a2.png", "a02.png"));
    QVERIFY(natural_less("99999999999999999999998", "99999999999999999999999"));
  }

  void a_folder_of_images() {
    for (const int i : {0, 1, 2, 9, 10, 11}) image("plain/frame " + std::to_string(i) + (i % 2 ? ".png" : ".bmp"), i);
    folder_.write("plain/notes.md", "not an image");
    folder_.write("plain/instruction.txt", "  open the drawer \r\nmore");
    const auto collection = open_source(folder_ / "plain");
    QCOMPARE(collection->kind(), "images"s);
    QCOMPARE(collection->episodes().at(0).title, "open the drawer"s);
    const auto source = collection->open(0);
    QCOMPARE(*source->length(), 6);
    QVERIFY(!source->info().has_gripper_camera);
    const std::vector<int> expected = {0, 1, 2, 9, 10, 11};
    for (std::int64_t i = 0; i < 6; ++i) {
      const auto frame = source->read(i);
      QCOMPARE(number_of(*frame->rgb_static), expected[static_cast<std::size_t>(i)]);
      QCOMPARE(frame->instruction, "open the drawer"s);
      QVERIFY(!frame->rgb_gripper && !frame->robot_obs && !frame->action);
    }
    QCOMPARE(open_source(folder_ / "plain", {{}, "given", {}})->open(0)->read(0)->instruction, "given"s);
  }

  void colours_are_rgb() {
    cv::Mat blue(4, 4, CV_8UC3, cv::Scalar(250, 20, 10));  // B G R
    std::filesystem::create_directories(folder_ / "colour");
    cv::imwrite((folder_ / "colour/1.png").string(), blue);
    const auto frame = open_source(folder_ / "colour")->open(0)->read(0);
    QCOMPARE(frame->rgb_static->rgb[0], 10);
    QCOMPARE(frame->rgb_static->rgb[2], 250);
  }

  void static_and_gripper() {
    for (int i = 0; i < 5; ++i) {
      image("pair/static/" + std::to_string(i) + ".jpg", i);
      if (i < 4) image("pair/gripper/" + std::to_string(i) + ".jpg", 100 + i);
    }
    auto collection = open_source(folder_ / "pair");
    QCOMPARE(collection->warnings().size(), std::size_t{1});
    QVERIFY(collection->warnings()[0].ends_with("pair: 5 static and 4 gripper images; only the pairs are shown"));
    auto source = collection->open(0);
    QVERIFY(source->info().has_gripper_camera);
    QCOMPARE(*source->length(), 4);
    QCOMPARE(number_of(*source->read(3)->rgb_static), 3);
    QCOMPARE(number_of(*source->read(3)->rgb_gripper), 103);
    // The same with the second folder named.
    source = open_source(folder_ / "pair/static", {folder_ / "pair/gripper", "x", {}})->open(0);
    QCOMPARE(number_of(*source->read(2)->rgb_gripper), 102);
    DEER_VERIFY_ERROR(open_source(folder_ / "pair/static", {folder_ / "none", {}, {}}), "none: cannot open");
  }

  void a_broken_image_leaves_its_neighbours_alone() {
    for (int i = 0; i < 4; ++i) image("broken/" + std::to_string(i) + ".png", i);
    std::filesystem::resize_file(folder_ / "broken/1.png", 40);
    folder_.write("broken/2.png", "");
    const auto source = open_source(folder_ / "broken")->open(0);
    DEER_VERIFY_ERROR(source->read(1), "1.png: cannot be decoded as an image");
    DEER_VERIFY_ERROR(source->read(2), "2.png: is empty");
    image("cut/0.jpg", 0);
    image("cut/1.jpg", 1);
    std::filesystem::resize_file(folder_ / "cut/1.jpg", std::filesystem::file_size(folder_ / "cut/1.jpg") / 2);
    DEER_VERIFY_ERROR(open_source(folder_ / "cut")->open(0)->read(1), "1.jpg: is cut short");
    QCOMPARE(number_of(*source->read(3)->rgb_static), 3);
  }

  void videos_are_read_by_index_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("fourcc");
    QTest::newRow("MJPEG in AVI, every frame a key frame") << "a.avi"
                                                           << "MJPG";
    QTest::newRow("MPEG-4 in MP4, seeking between key frames") << "a.mp4"
                                                               << "mp4v";
    QTest::newRow("MPEG-4 in Matroska, no frame count") << "a.mkv"
                                                        << "XVID";
  }
  void videos_are_read_by_index() {
    QFETCH(QString, name);
    QFETCH(QString, fourcc);
    const auto path = folder_ / name.toStdString();
    write_video(path, fourcc.toStdString().c_str(), 200);
    const auto source = open_source(path, {{}, "push", {1 << 16, 0, 0}})->open(0);  // hardly any cache
    QCOMPARE(source->info().kind, "video"s);
    QCOMPARE(source->info().frames_per_second, 25.0);
    QCOMPARE(*source->length(), 200);
    std::vector<std::int64_t> order = {0, 1, 2, 199, 0, 100, 99, 98, 180, 20, 21, 22, 150, 149, 60, 61, 199, 198};
    std::mt19937 random(3);
    for (int i = 0; i < 40; ++i) order.push_back(static_cast<std::int64_t>(random() % 200));
    for (const auto index : order) {
      const auto frame = source->read(index);
      QCOMPARE(number_of(*frame->rgb_static), static_cast<int>(index));
      QCOMPARE(frame->timestamp_s, static_cast<double>(index) / 25);
      QCOMPARE(frame->instruction, "push"s);
    }
  }

  void a_pair_of_videos() {
    write_video(folder_ / "s.avi", "MJPG", 20);
    write_video(folder_ / "g.avi", "MJPG", 15, 25, 100);
    const auto collection = open_source(folder_ / "s.avi", {folder_ / "g.avi", {}, {}});
    QCOMPARE(collection->warnings().size(), std::size_t{1});
    QVERIFY(collection->warnings()[0].ends_with(
        "g.avi: has 15 frames, the static camera's video 20; only the pairs are shown"));
    const auto source = collection->open(0);
    QCOMPARE(*source->length(), 15);
    QCOMPARE(number_of(*source->read(14)->rgb_static), 14);
    QCOMPARE(number_of(*source->read(14)->rgb_gripper), 114);
    folder_.write("text.avi", "no video");
    DEER_VERIFY_ERROR(open_source(folder_ / "s.avi", {folder_ / "text.avi", {}, {}}),
                      "text.avi: is not a supported video");
  }

  void damaged_videos() {
    write_video(folder_ / "cut.mp4", "mp4v", 60);
    const auto size = std::filesystem::file_size(folder_ / "cut.mp4");
    std::filesystem::resize_file(folder_ / "cut.mp4", size / 2);  // its index was at the end
    DEER_VERIFY_ERROR(open_source(folder_ / "cut.mp4"), "cut.mp4: cannot be opened as a video");

    write_video(folder_ / "cut.avi", "MJPG", 60);
    std::filesystem::resize_file(folder_ / "cut.avi", std::filesystem::file_size(folder_ / "cut.avi") / 2);
    const auto source = open_source(folder_ / "cut.avi")->open(0);
    QCOMPARE(number_of(*source->read(5)->rgb_static), 5);
    int readable = 0;
    for (std::int64_t i = 0; i < *source->length(); ++i) readable += error_of([&] { source->read(i); }).empty();
    QVERIFY(readable >= 20 && readable < 60);
    if (*source->length() == 60) DEER_VERIFY_ERROR(source->read(59), "cut.avi: the video ends after frame");
    QCOMPARE(number_of(*source->read(7)->rgb_static), 7);

    folder_.write("head.avi", "RIFF\x10\0\0\0AVI LIST garbage and more garbage"s);
    DEER_VERIFY_ERROR(open_source(folder_ / "head.avi"), "head.avi: ");
  }

  void what_is_nothing_that_we_know() {
    DEER_VERIFY_ERROR(open_source(folder_ / "missing"), "missing: does not exist");
    DEER_VERIFY_ERROR(open_source(""), "no path given");
    std::filesystem::create_directories(folder_ / "empty");
    DEER_VERIFY_ERROR(open_source(folder_ / "empty"), "empty: is an empty folder");
    folder_.write("other/readme.md", "hello");
    DEER_VERIFY_ERROR(open_source(folder_ / "other"),
                      "other: contains nothing to open; looked for training/ or validation/");
    DEER_VERIFY_ERROR(open_source(folder_ / "other/readme.md"), "readme.md: has an unknown format");
    folder_.write("empty.mp4", "");
    DEER_VERIFY_ERROR(open_source(folder_ / "empty.mp4"), "empty.mp4: is an empty file");
    // A playlist, which FFmpeg would follow to other files, is text and stays that.
    folder_.write("list.mp4", "#EXTM3U\n#EXTINF:1,\n/etc/hostname\n");
    DEER_VERIFY_ERROR(open_source(folder_ / "list.mp4"), "list.mp4: has an unknown format");
    folder_.write("frames/episode_0000001.npz", make_zip({}));
    DEER_VERIFY_ERROR(open_source(folder_ / "frames"), "holds CALVIN frames, but neither ep_start_end_ids.npy");
    std::filesystem::create_directories(folder_ / "hollow/static");
    DEER_VERIFY_ERROR(open_source(folder_ / "hollow"), "static: contains no images");
    DEER_VERIFY_ERROR(open_source(folder_ / "frames/episode_0000001.npz")->open(0), "'rgb_static' is missing");
    // The superuser may list what nobody else may: then the folder is simply empty.
    const auto locked = folder_ / "locked";
    std::filesystem::create_directories(locked);
    std::filesystem::permissions(locked, std::filesystem::perms::none);
    const auto message = error_of([&] { open_source(locked); });
    QVERIFY2(message.find("ermission denied") != std::string::npos ||
                 message.find("is an empty folder") != std::string::npos,
             message.c_str());
    std::filesystem::permissions(locked, std::filesystem::perms::owner_all);
    DEER_VERIFY_ERROR(open_source("/dev/null"), "/dev/null: is not a regular file");
  }
};

DEER_SUITE(TestMedia)
#include "tst_media.moc"
