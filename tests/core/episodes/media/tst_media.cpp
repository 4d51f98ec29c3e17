// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>

extern "C" {
#include <libavformat/avformat.h>
}

#include <fstream>
#include <functional>
#include <iterator>
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

// Copies a video with other time stamps, in milliseconds, by frame.
void retime(const std::filesystem::path& from, const std::filesystem::path& to,
            const std::function<std::int64_t(std::int64_t)>& time_ms) {
  AVFormatContext *input = nullptr, *output = nullptr;
  const auto check = [&](bool good) {
    if (!good) throw std::runtime_error("cannot write " + to.string());
  };
  check(avformat_open_input(&input, from.c_str(), nullptr, nullptr) >= 0 &&
        avformat_find_stream_info(input, nullptr) >= 0 &&
        avformat_alloc_output_context2(&output, nullptr, nullptr, to.c_str()) >= 0);
  auto* const stream = avformat_new_stream(output, nullptr);
  check(avcodec_parameters_copy(stream->codecpar, input->streams[0]->codecpar) >= 0);
  stream->codecpar->codec_tag = 0;
  stream->time_base = {1, 1000};
  stream->avg_frame_rate = {25, 1};
  AVDictionary* options = nullptr;
  av_dict_set(&options, "avoid_negative_ts", "disabled", 0);
  check(avio_open(&output->pb, to.c_str(), AVIO_FLAG_WRITE) >= 0 && avformat_write_header(output, &options) >= 0);
  av_dict_free(&options);
  auto* const packet = av_packet_alloc();
  std::int64_t last = -1;
  for (std::int64_t i = 0; av_read_frame(input, packet) >= 0; ++i) {
    last = std::max(last + 1, time_ms(i));
    packet->pts = packet->dts = av_rescale_q(last, {1, 1000}, stream->time_base);
    packet->duration = 0;
    packet->stream_index = 0;
    check(av_write_frame(output, packet) >= 0);
    av_packet_unref(packet);
  }
  check(av_write_trailer(output) >= 0);
  av_packet_free(const_cast<AVPacket**>(&packet));
  avio_closep(&output->pb);
  avformat_free_context(output);
  avformat_close_input(&input);
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

  void every_format_of_opencv_is_listed_and_others_are_named() {
    const std::vector<std::string> names = {"0.webp", "1.tiff", "2.ppm", "3.tif", "4.png", "5.pgm", "6.JPG"};
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!names[i].ends_with(".pgm")) image("formats/" + names[i], static_cast<int>(i));
    }
    cv::Mat grey;
    cv::cvtColor(numbered(5), grey, cv::COLOR_BGR2GRAY);
    QVERIFY(cv::imwrite((folder_ / "formats/5.pgm").string(), grey));
    folder_.write("formats/7.gif", "GIF89a");
    QVERIFY2(
        open_source(folder_ / "formats")->warnings().at(0).find("7.gif is left out: only png") != std::string::npos,
        open_source(folder_ / "formats")->warnings().at(0).c_str());
    folder_.write("formats/8.heic", "");
    const auto collection = open_source(folder_ / "formats");
    QCOMPARE(*collection->open(0)->length(), 7);
    for (int i = 0; i < 7; ++i) QCOMPARE(number_of(*collection->open(0)->read(i)->rgb_static), i);
    QCOMPARE(collection->warnings().size(), std::size_t{1});
    QVERIFY2(
        collection->warnings()[0].find("formats: 7.gif and 1 more are left out: only png, jpg") != std::string::npos,
        collection->warnings()[0].c_str());
    for (const char* name : {"0.webp", "1.tiff"})
      QCOMPARE(number_of(*open_source(folder_ / "formats" / name)->open(0)->read(0)->rgb_static), name[0] - '0');
  }

  void instructions_in_every_encoding_data() {
    QTest::addColumn<QByteArray>("text");
    QTest::addColumn<bool>("valid");
    const std::string utf8 =
        "\xEF\xBB\xBF"
        "\xC3\xB6"
        "ffne\r\nmore";
    const std::string little("\xFF\xFE\xF6\0f\0f\0n\0e\0\n\0x\0", 16), big("\xFE\xFF\0\xF6\0f\0f\0n\0e\0\n", 14);
    const auto row = [](const char* name, const std::string& text, bool valid) {
      QTest::newRow(name) << QByteArray(text.data(), qsizetype(text.size())) << valid;
    };
    row("UTF-8 with a byte-order mark", utf8, true);
    row("UTF-16, little-endian", little, true);
    row("UTF-16, big-endian", big, true);
    row("Latin-1",
        "\xF6"
        "ffne",
        false);
  }
  void instructions_in_every_encoding() {
    QFETCH(QByteArray, text);
    QFETCH(bool, valid);
    const TemporaryFolder folder;
    std::filesystem::create_directories(folder / "x");
    cv::imwrite((folder / "x/0.png").string(), numbered(1));
    folder.write("x/instruction.txt", std::string(text.constData(), static_cast<std::size_t>(text.size())));
    const auto collection = open_source(folder / "x");
    QCOMPARE(collection->episodes().at(0).title, valid ? "\xC3\xB6"
                                                         "ffne"s
                                                       : "\xEF\xBF\xBD"
                                                         "ffne"s);
    QCOMPARE(collection->warnings().size(), std::size_t{valid ? 0U : 1U});
    if (!valid) QVERIFY(collection->warnings()[0].find("instruction.txt: is not UTF-8") != std::string::npos);
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
    folder_.write("broken/2.png", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n");
    DEER_VERIFY_ERROR(source->read(2), "2.png: is a git-LFS pointer");
    folder_.write("broken/2.png", " <!DOCTYPE html><html>Sign in</html>");
    DEER_VERIFY_ERROR(source->read(2), "2.png: is a web page (HTML)");
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

  // Frame N is the Nth one that is shown, whatever the time stamps and the container's header say.
  void videos_with_odd_time_stamps_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<int>("kind");
    QTest::newRow("jitter of 8 ms, MP4") << "jitter.mp4" << 0;
    QTest::newRow("jitter of 8 ms, Matroska") << "jitter.mkv" << 0;
    QTest::newRow("ever slower") << "slower.mp4" << 1;
    QTest::newRow("begins late") << "late.mp4" << 2;
    QTest::newRow("a pause of a minute") << "pause.mkv" << 3;
  }
  void videos_with_odd_time_stamps() {
    QFETCH(QString, name);
    QFETCH(int, kind);
    write_video(folder_ / "even.mp4", "mp4v", 250);
    std::mt19937 random(1);
    const auto time_ms = [&](std::int64_t i) -> std::int64_t {
      if (kind == 0) return 40 * i + static_cast<std::int64_t>(random() % 17) - (i == 0 ? 0 : 8);
      if (kind == 1) return 40 * i + i * i / 4;
      if (kind == 2) return 5000 + 40 * i;
      return 40 * i + (i >= 120 ? 60'000 : 0);
    };
    const auto path = folder_ / name.toStdString();
    retime(folder_ / "even.mp4", path, time_ms);
    for (const std::int64_t first : {49, 50, 130, 249, 200}) {  // the first jump into a file that was just opened
      QCOMPARE(number_of(*open_source(path)->open(0)->read(first)->rgb_static), static_cast<int>(first));
    }
    const auto source = open_source(path, {{}, {}, {1 << 16, 0, 0}})->open(0);
    QCOMPARE(*source->length(), 250);
    for (int i = 0; i < 40; ++i) {
      const auto index = static_cast<std::int64_t>(random() % 250);
      QCOMPARE(number_of(*source->read(index)->rgb_static), static_cast<int>(index));
    }
  }

  void a_container_that_lies_about_its_length() {
    write_video(folder_ / "lies.avi", "MJPG", 20);
    const auto file = folder_ / "lies.avi";
    std::ifstream in(file, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), {});
    for (const char* field : {"avih", "strh"}) {
      const auto at = bytes.find(field);
      QVERIFY(at != std::string::npos);
      bytes[at + (field[0] == 'a' ? 24 : 40)] = 100;  // frames in all, of the file and of the stream
    }
    folder_.write("lies.avi", bytes);
    const auto source = open_source(file)->open(0);
    QCOMPARE(*source->length(), 20);
    QCOMPARE(number_of(*source->read(19)->rgb_static), 19);
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

  void a_map_is_for_other_datasets() {
    OpenSourceOptions options;
    options.map = folder_.write("map.json", R"({"static_camera": "front"})");
    folder_.write("mapped/1.png", "not read yet");
    const auto data = open_source(folder_ / "mapped", options);
    QCOMPARE(data->warnings().size(), std::size_t{1});
    QVERIFY2(data->warnings()[0].find("map.json: is not used: it is for LeRobot, RLDS and HDF5 datasets, and ") !=
                 std::string::npos,
             data->warnings()[0].c_str());
    QVERIFY(open_source(folder_ / "mapped")->warnings().empty());
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
