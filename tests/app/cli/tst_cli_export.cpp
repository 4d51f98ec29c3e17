// SPDX-License-Identifier: GPL-3.0-or-later
#include <QProcess>
#include <QTest>
#include <fstream>
#include <iterator>
#include <string>

#include "core/episodes/lerobot/lerobot_writer.h"
#include "core/episodes/lerobot/parquet_file.h"
#include "core/episodes/open/open_source.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;
using namespace deer::test;

namespace {

struct ExportResult {
  int code = -1;
  QString out;
  QString err;
};

ExportResult deer_export(const fs::path& source, const fs::path& out, const QStringList& more = {}) {
  QProcess process;
  process.start(
      QStringLiteral(DEER_PROGRAM),
      QStringList{"export", QString::fromStdString(source.string()), QString::fromStdString(out.string())} + more);
  process.waitForFinished(120'000);
  return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2,
          QString::fromUtf8(process.readAllStandardOutput()), QString::fromUtf8(process.readAllStandardError())};
}

ImagePtr plain(int side, int value) {
  auto out = std::make_shared<Image>();
  out->width = out->height = side;
  out->rgb.assign(static_cast<std::size_t>(side * side * 3), static_cast<std::uint8_t>(value));
  return out;
}

// Three episodes of four frames, each in a file of its own.
void make_source(const fs::path& root) {
  RecordingSchema schema;
  schema.cameras = {{"observation.images.top", 16, 16}, {"observation.images.wrist", 24, 24}};
  schema.series = {{"action", {"x", "gripper"}}};
  LerobotWriterOptions options;
  options.frames_a_file = 1;
  options.videos = false;
  LerobotWriter writer(root, schema, 10, options);
  for (int episode = 0; episode < 3; ++episode) {
    for (int i = 0; i < 4; ++i) {
      RecordedFrame frame;
      frame.pictures = {plain(16, 10 * i), plain(24, 50)};
      frame.series = {{static_cast<double>(10 * episode + i), 1}};
      writer.add(frame, "push");
    }
    writer.end_episode();
  }
  writer.finish();
}

fs::path data_file(const fs::path& root, int number) {
  return root / "data" / "chunk-000" / ("file-00" + std::to_string(number) + ".parquet");
}

}  // namespace

// deer export, as a person starts it.
class CliExportTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() {
    if (!ParquetFile::is_available()) QSKIP("this build has no Apache Arrow");
  }

  void a_broken_episode_is_left_out() {
    const TemporaryFolder folder;
    make_source(folder / "in");
    fs::resize_file(data_file(folder / "in", 1), 100);
    const auto result = deer_export(folder / "in", folder / "out");
    QCOMPARE(result.code, 1);
    QVERIFY2(result.out.contains("2 episodes, 8 frames in"), qPrintable(result.out));
    QVERIFY2(result.err.contains("deer: skipped: episode 1: ") && result.err.contains("file-001.parquet"),
             qPrintable(result.err));
    QVERIFY2(result.err.contains("deer: skipped 1 episode that could not be opened"), qPrintable(result.err));
    const auto data = open_source(folder / "out");
    QCOMPARE(data->episodes().size(), std::size_t{2});
    QCOMPARE(data->open(1)->read(3)->other_action[0], 23.0);
  }

  void without_a_good_episode_nothing_is_left() {
    const TemporaryFolder folder;
    make_source(folder / "in");
    fs::resize_file(data_file(folder / "in", 1), 100);
    const auto result = deer_export(folder / "in", folder / "out", {"--index", "1"});
    QCOMPARE(result.code, 1);
    QVERIFY2(result.err.contains("out: gets no frame"), qPrintable(result.err));
    QVERIFY(!fs::exists(folder / "out"));
  }

  void a_folder_that_cannot_be_used_is_told_once() {
    const TemporaryFolder folder;
    make_source(folder / "in");
    folder.write("full/note.txt", "mine");
    for (const auto& [out, problem] : {std::pair(folder / "full", "full: is there already, expected a new or an empty"),
                                       std::pair(folder / "full/note.txt", "note.txt: is there already"),
                                       std::pair(folder / "full/note.txt/below", "cannot make the folder")}) {
      const auto result = deer_export(folder / "in", out);
      QCOMPARE(result.code, 1);
      QVERIFY2(result.err.startsWith("deer: ") && result.err.contains(problem), qPrintable(result.err));
      QCOMPARE(result.err.count(u'\n'), 1);
    }
    QVERIFY(fs::exists(folder / "full/note.txt"));
  }

  void a_broken_picture_costs_no_numbers() {
    const TemporaryFolder folder;
    make_source(folder / "in");
    const auto before = open_source(folder / "in")->open(0)->read(0)->other_action;
    // The first picture in the file loses its PNG signature.
    const auto file = data_file(folder / "in", 0);
    std::ifstream in(file, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), {});
    const auto at = bytes.find("\x89PNG");
    QVERIFY(at != std::string::npos);
    for (auto place = at; place != std::string::npos; place = bytes.find("\x89PNG", place)) bytes[place] = 'x';
    std::ofstream(file, std::ios::binary) << bytes;
    const auto result = deer_export(folder / "in", folder / "out", {"--images"});
    QCOMPARE(result.code, 1);
    QVERIFY2(result.out.contains("3 episodes, 12 frames in"), qPrintable(result.out));
    QVERIFY2(result.err.contains("deer: 4 frames with pictures that could not be read"), qPrintable(result.err));
    QVERIFY(open_source(folder / "out")->open(0)->read(0)->other_action == before);
  }
};

DEER_SUITE(CliExportTest)
#include "tst_cli_export.moc"
