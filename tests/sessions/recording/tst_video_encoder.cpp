// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

#include "core/episodes/open/open_source.h"
#include "sessions/base/paths.h"
#include "sessions/recording/video_encoder.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"

namespace deer::test {
namespace {

constexpr int kWide = 128, kHigh = 96;
constexpr int kPatienceMs = 30000;

Image gray(int level) {
  return {kWide, kHigh, std::vector<std::uint8_t>(std::size_t{kWide} * kHigh * 3, static_cast<std::uint8_t>(level))};
}

/// Adds pictures as a person's program does: only when there is room.
bool add_all(VideoEncoder& encoder, int frames) {
  for (int i = 0; i < frames; ++i) {
    if (!QTest::qWaitFor([&] { return encoder.has_room(); }, kPatienceMs)) return false;
    encoder.add(gray(5 * i));
  }
  return true;
}

}  // namespace

class VideoEncoderTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void cleanup() { QCOMPARE(log_.unexpected(), QStringList()); }

  void pictures_end_up_in_the_file_in_order() {
    QTemporaryDir folder;
    const auto file = to_path(folder.filePath("run.mp4"));
    VideoEncoder encoder(file, {kWide, kHigh, 20});
    QSignalSpy packed(&encoder, &VideoEncoder::packed), finished(&encoder, &VideoEncoder::finished);
    QVERIFY(add_all(encoder, 45));
    encoder.finish();
    QVERIFY(finished.wait(kPatienceMs));
    QCOMPARE(packed.size(), 45);
    QCOMPARE(packed.last().first().toLongLong(), 45);
    const auto video = open_source(file)->open(0);
    QCOMPARE(*video->length(), 45);
    QCOMPARE(video->info().frames_per_second, 20.0);
    for (const int i : {0, 7, 44}) {
      const auto seen = video->read(i)->rgb_static;
      QVERIFY(std::abs(seen->rgb[3 * (kWide * 40 + 60)] - 5 * i) <= 4);
    }
    QCOMPARE(QDir(folder.path()).entryList(QDir::Files), QStringList{"run.mp4"});
  }

  void what_waits_is_bounded() {
    QTemporaryDir folder;
    VideoEncoder encoder(to_path(folder.filePath("run.mp4")), {2048, 2048, 30});
    const Image picture{2048, 2048, std::vector<std::uint8_t>(std::size_t{2048} * 2048 * 3, 90)};
    int most = 0, waiting = 0, out = 0;
    connect(&encoder, &VideoEncoder::packed, this, [&](qint64 frames) { out = static_cast<int>(frames); });
    for (int i = 0; i < 12; ++i) {
      while (!encoder.has_room()) QTest::qWait(1);
      encoder.add(picture);
      waiting = i + 1 - out;
      most = std::max(most, waiting);
    }
    // Those that wait, the one that is being packed, and news that is on its way.
    QVERIFY2(most <= VideoEncoder::kMostWaiting + 3, qPrintable(QString::number(most)));
    QSignalSpy cancelled(&encoder, &VideoEncoder::cancelled);
    encoder.cancel();
    QVERIFY(cancelled.wait(kPatienceMs));
  }

  void cancelled_leaves_nothing() {
    QTemporaryDir folder;
    VideoEncoder encoder(to_path(folder.filePath("run.mp4")), {kWide, kHigh, 30});
    QSignalSpy cancelled(&encoder, &VideoEncoder::cancelled), finished(&encoder, &VideoEncoder::finished);
    QVERIFY(add_all(encoder, 6));
    QVERIFY(QTest::qWaitFor([&] { return QFile::exists(folder.filePath("run.mp4.part.mp4")); }, kPatienceMs));
    encoder.cancel();
    QVERIFY(cancelled.wait(kPatienceMs));
    QCOMPARE(finished.size(), 0);
    QVERIFY(QDir(folder.path()).isEmpty());
    QVERIFY(!encoder.has_room());
    encoder.add(gray(1));  // too late, and harmless
  }

  void destruction_leaves_nothing() {
    QTemporaryDir folder;
    {
      VideoEncoder encoder(to_path(folder.filePath("run.mp4")), {kWide, kHigh, 30});
      QVERIFY(add_all(encoder, 6));
    }
    QVERIFY(QDir(folder.path()).isEmpty());
  }

  void failures_come_as_one_message() {
    QTemporaryDir folder;
    {
      VideoEncoder encoder(to_path(folder.filePath("missing/run.mp4")), {kWide, kHigh, 30});
      QSignalSpy failed(&encoder, &VideoEncoder::failed);
      QVERIFY(failed.wait(kPatienceMs));
      QVERIFY(failed.first().first().toString().startsWith(folder.filePath("missing/run.mp4: cannot be written")));
      QVERIFY(!encoder.has_room());
      encoder.finish();
      QTest::qWait(30);
      QCOMPARE(failed.size(), 1);
    }
    VideoEncoder encoder(to_path(folder.filePath("run.mp4")), {kWide, kHigh, 30});
    QSignalSpy failed(&encoder, &VideoEncoder::failed);
    encoder.add({64, 64, std::vector<std::uint8_t>(64 * 64 * 3)});
    QVERIFY(failed.wait(kPatienceMs));
    QVERIFY(failed.first().first().toString().contains("64 x 64"));
    QVERIFY(QDir(folder.path()).isEmpty());
  }

 private:
  LogGuard log_;
};

}  // namespace deer::test

DEER_SUITE(deer::test::VideoEncoderTest)
#include "tst_video_encoder.moc"
