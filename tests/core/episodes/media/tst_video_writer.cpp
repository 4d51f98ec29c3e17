// SPDX-License-Identifier: GPL-3.0-or-later
#include <sys/resource.h>

#include <QTest>
#include <csignal>
#include <fstream>
#include <opencv2/videoio.hpp>

#include "core/base/error.h"
#include "core/episodes/media/video_writer.h"
#include "core/episodes/open/open_source.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::test;

namespace {

struct Rgb {
  int r, g, b;
};

// A colour of its own for each frame, upper half; the lower half is its complement.
Rgb color_of(int frame) { return {30 + frame * 37 % 200, 30 + frame * 71 % 200, 30 + frame * 113 % 200}; }

Image picture(int frame, int width, int height) {
  Image out{width, height, {}};
  out.rgb.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  const auto [r, g, b] = color_of(frame);
  for (int y = 0; y < height; ++y) {
    const bool upper = y < height / 2;
    for (int x = 0; x < width; ++x) {
      for (const int value : {r, g, b}) out.rgb.push_back(static_cast<std::uint8_t>(upper ? value : 255 - value));
    }
  }
  return out;
}

bool shows(const Image& image, int x, int y, Rgb wanted) {
  const auto* const at = &image.rgb[static_cast<std::size_t>(3 * (y * image.width + x))];
  // Lossy, and colours have half the resolution.
  return std::abs(at[0] - wanted.r) <= 8 && std::abs(at[1] - wanted.g) <= 8 && std::abs(at[2] - wanted.b) <= 8;
}

template <typename Work>
std::string message(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

bool nothing_in(const std::filesystem::path& folder) { return std::filesystem::is_empty(folder); }

}  // namespace

class TestVideoWriter : public QObject {
  Q_OBJECT

 private:
  TemporaryFolder folder_;

  std::filesystem::path new_folder(const char* name) {
    std::filesystem::create_directory(folder_ / name);
    return folder_ / name;
  }

 private Q_SLOTS:
  void what_is_written_is_read_back_data() {
    QTest::addColumn<int>("codec");
    QTest::addColumn<double>("rate");
    QTest::newRow("H.264, 30 Hz") << int(VideoCodec::h264) << 30.0;
    QTest::newRow("H.264, 12.5 Hz") << int(VideoCodec::h264) << 12.5;
    QTest::newRow("MPEG-4, 30 Hz") << int(VideoCodec::mpeg4) << 30.0;
  }
  void what_is_written_is_read_back() {
    QFETCH(int, codec);
    QFETCH(double, rate);
    const auto folder = new_folder(QTest::currentDataTag());
    const auto file = folder / "run.mp4";
    constexpr int kFrames = 40, kWidth = 198, kHeight = 130;
    VideoFormat format{kWidth, kHeight, rate, {static_cast<VideoCodec>(codec)}};
    try {
      VideoWriter writer(file, format);
      QVERIFY(std::filesystem::exists(VideoWriter::unfinished(file)));
      for (int i = 0; i < kFrames; ++i) writer.write(picture(i, kWidth, kHeight));
      QCOMPARE(writer.written(), kFrames);
      QCOMPARE(int(writer.codec()), codec);
      QVERIFY(!std::filesystem::exists(file));
      writer.finish();
    } catch (const FileError& error) {
      if (codec == int(VideoCodec::h264)) QSKIP(error.what());
      throw;
    }
    QVERIFY(std::filesystem::exists(file));
    QVERIFY(!std::filesystem::exists(VideoWriter::unfinished(file)));

    cv::VideoCapture capture(file.string(), cv::CAP_FFMPEG);
    QVERIFY(capture.isOpened());
    QCOMPARE(int(capture.get(cv::CAP_PROP_FRAME_COUNT)), kFrames);
    QCOMPARE(int(capture.get(cv::CAP_PROP_FRAME_WIDTH)), kWidth);
    QCOMPARE(int(capture.get(cv::CAP_PROP_FRAME_HEIGHT)), kHeight);
    QVERIFY(std::abs(capture.get(cv::CAP_PROP_FPS) - rate) < 0.01);
    // The program opens what it wrote.
    const auto source = open_source(file)->open(0);
    QCOMPARE(*source->length(), kFrames);
    for (const int i : {0, 1, 17, kFrames - 1}) {
      const auto seen = source->read(i)->rgb_static;
      const auto [r, g, b] = color_of(i);
      QVERIFY2(shows(*seen, 20, 20, {r, g, b}), qPrintable(QString::number(i)));
      QVERIFY2(shows(*seen, kWidth - 20, kHeight - 10, {255 - r, 255 - g, 255 - b}), qPrintable(QString::number(i)));
    }
  }

  void the_first_codec_that_opens_is_taken() {
    const auto folder = new_folder("codecs");
    VideoWriter writer(folder / "a.mp4", {32, 32, 30, {VideoCodec::mpeg4, VideoCodec::h264}});
    QCOMPARE(writer.codec(), VideoCodec::mpeg4);
    const auto text = message([&] { VideoWriter(folder / "b.mp4", {32, 32, 30, {}}); });
    QVERIFY2(text.find("b.mp4") != std::string::npos && text.find("encoder") != std::string::npos, text.c_str());
    QVERIFY(!std::filesystem::exists(VideoWriter::unfinished(folder / "b.mp4")));
  }

  void given_up_leaves_the_file_before() {
    const auto folder = new_folder("given up");
    const auto file = folder / "run.mp4";
    std::ofstream(file) << "precious";
    {
      VideoWriter writer(file, {64, 64});
      for (int i = 0; i < 10; ++i) writer.write(picture(i, 64, 64));
    }
    QVERIFY(!std::filesystem::exists(VideoWriter::unfinished(file)));
    std::string text;
    std::ifstream(file) >> text;
    QCOMPARE(text, std::string("precious"));
  }

  void impossible_formats_are_refused() {
    const auto folder = new_folder("formats");
    for (const auto& [width, height] : {std::pair{0, 64}, {63, 64}, {64, 65}, {64, 8194}, {-2, 64}, {8, 8}}) {
      const auto text = message([&, w = width, h = height] { VideoWriter(folder / "x.mp4", {w, h}); });
      QVERIFY2(text.find("pixels is not supported") != std::string::npos, text.c_str());
    }
    for (const double rate : {0.0, -1.0, 1e9, std::numeric_limits<double>::quiet_NaN()}) {
      const auto text = message([&] { VideoWriter(folder / "x.mp4", {64, 64, rate}); });
      QVERIFY2(text.find("frames per second") != std::string::npos, text.c_str());
    }
    QVERIFY(nothing_in(folder));
    VideoWriter writer(folder / "x.mp4", {64, 64});
    const auto text = message([&] { writer.write(picture(0, 64, 32)); });
    QVERIFY2(text.find("64 x 32") != std::string::npos, text.c_str());
  }

  void bad_places_are_named() {
    const auto folder = new_folder("places");
    const auto missing = message([&] { VideoWriter(folder / "no" / "x.mp4", {64, 64}); });
    QVERIFY2(missing.find("x.mp4: cannot be written: No such file") != std::string::npos, missing.c_str());
    const auto taken = message([&] { VideoWriter(folder, {64, 64}); });
    QVERIFY2(taken.find("is a folder") != std::string::npos, taken.c_str());
    QVERIFY(nothing_in(folder));
  }

  void a_disk_without_room_is_seen() {
    const auto folder = new_folder("full");
    const auto file = folder / "x.mp4";
    // A limit of the system on the size of files does what a full disk does: writes fail.
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
    std::string text;
    {
      VideoWriter writer(file, {256, 256});
      const rlimit small{4096, before.rlim_max};
      setrlimit(RLIMIT_FSIZE, &small);
      for (int i = 0; i < 30; ++i) writer.write(picture(i, 256, 256));
      text = message([&] { writer.finish(); });
      setrlimit(RLIMIT_FSIZE, &before);
      std::signal(SIGXFSZ, handler);
    }
    QVERIFY2(
        text.find("x.mp4: cannot be completed") != std::string::npos && text.find("disk full") != std::string::npos,
        text.c_str());
    QVERIFY(nothing_in(folder));
  }
};

DEER_SUITE(TestVideoWriter)
#include "tst_video_writer.moc"
