// SPDX-License-Identifier: GPL-3.0-or-later
#include <QFile>
#include <QProcess>
#include <QTest>
#include <QXmlStreamReader>

#include "core/base/json_file.h"
#include "core/trace/trace_reader.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;

namespace {

const QString kStudyModel = QStringLiteral(DEER_SOURCE_DIR "/tests/data/random_demo/model");
const QString kStudyEpisodes = QStringLiteral(DEER_SOURCE_DIR "/tests/data/random_demo/episodes");

struct StudyResult {
  int code = -1;
  QString out;
  QString err;
};

StudyResult deer_study(const QStringList& arguments) {
  QProcess process;
  process.start(QStringLiteral(DEER_PROGRAM), arguments);
  process.waitForFinished(120'000);
  return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2,
          QString::fromUtf8(process.readAllStandardOutput()), QString::fromUtf8(process.readAllStandardError())};
}

QString path_text(const fs::path& path) { return QString::fromStdString(path.string()); }

}  // namespace

// deer study, as a person starts it.
class CliStudyTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void the_screen();
  void the_numbers_are_those_of_the_trace();
  void flips_are_replayed_exactly();
  void a_filter();
  void files();
  void several_traces();
  void errors_are_one_line();

 private:
  Json json_of(const QStringList& more) {
    const auto file = folder_ / "study.json";
    fs::remove(file);
    const auto result = deer_study(QStringList{"study", trace_, "--json", path_text(file)} + more);
    if (result.code != 0) qWarning("%s", qPrintable(result.err));
    return read_json(file);
  }

  test::TemporaryFolder folder_;
  QString trace_;
};

void CliStudyTest::initTestCase() {
  trace_ = path_text(folder_ / "trace.h5");
  const auto result =
      deer_study({"trace", kStudyModel, kStudyEpisodes, "--out", trace_, "--index", "0,1", "--frames", "9"});
  QVERIFY2(result.code == 0, qPrintable(result.err));
}

void CliStudyTest::the_screen() {
  const auto episodes = deer_study({"study", trace_});
  QVERIFY2(episodes.code == 0, qPrintable(episodes.err));
  QVERIFY2(episodes.out.contains("2 episodes, 18 frames, 1 trace, model deer-tiny"), qPrintable(episodes.out));
  QVERIFY(episodes.out.contains("layers on average") && episodes.out.contains("gripper closes"));
  const auto tasks = deer_study({"study", trace_, "--group", "task"});
  QCOMPARE(tasks.code, 0);
  QVERIFY(tasks.out.contains("95 % interval"));
}

void CliStudyTest::the_numbers_are_those_of_the_trace() {
  const auto json = json_of({});
  const auto trace = TraceReader::open(trace_.toStdString());
  double depth = 0;
  for (const auto layer : trace->exit_layers(0, 18)) depth += layer + 1;
  QVERIFY(std::abs(json.at("total").at("mean_depth").get<double>() - depth / 18) < 1e-9);
  QCOMPARE(json.at("cost_unit").get<std::string>(), std::string("LLM GFLOPs"));
  QCOMPARE(json.at("episodes").size(), std::size_t{2});
  QCOMPARE(json.at("episodes")[1].at("source_episode").get<int>(), 1);
  QVERIFY(json.at("total").at("saving_times").get<double>() >= 1);
  // As `deer replay` counts under the same policy.
  const auto file = folder_ / "replay.json";
  std::string thresholds;
  for (const auto& one : json.at("policy").at("thresholds")) thresholds += (thresholds.empty() ? "" : ",") + one.dump();
  QCOMPARE(
      deer_study({"replay", trace_, QString::fromStdString("--thresholds=" + thresholds), "--json", path_text(file)})
          .code,
      0);
  const auto summary = read_json(file).at("summary");
  QVERIFY(std::abs(summary.at("depth").at("mean").get<double>() - depth / 18) < 1e-9);
  const double saving = 1 / (1 - summary.at("saving").get<double>());
  QVERIFY(std::abs(json.at("total").at("saving_times").get<double>() - saving) < 1e-6);
  QVERIFY(std::abs(json.at("total").at("mean_error_to_deepest").get<double>() -
                   summary.at("error_to_deepest").at("mean").get<double>()) < 1e-4);
  QVERIFY(std::abs(json.at("total").at("mean_distance_to_deepest").get<double>() -
                   summary.at("distance_to_deepest").at("mean").get<double>()) < 1e-2);
}

void CliStudyTest::flips_are_replayed_exactly() {
  const auto deepest = path_text(folder_.write("deepest.json", R"({"criterion": "fixed_exit"})"));
  const auto json = json_of({"--baseline", deepest});
  QVERIFY(json.at("baseline").at("exact").get<bool>());
  const auto trace = TraceReader::open(trace_.toStdString());
  int early = 0;
  for (const auto layer : trace->exit_layers(0, 18)) early += layer != trace->metadata().exit_layers.back() ? 1 : 0;
  QCOMPARE(json.at("episodes")[0].at("flips").get<int>() + json.at("episodes")[1].at("flips").get<int>(), early);
}

void CliStudyTest::a_filter() {
  const auto result = deer_study({"study", trace_, "--where", "frame == 3 or frame == 4"});
  QVERIFY2(result.code == 0, qPrintable(result.err));
  QVERIFY2(result.out.contains("4 of 18 frames match"), qPrintable(result.out));
  QVERIFY(result.out.contains("episode 1, frame 4, "));
  const auto few = deer_study({"study", trace_, "--where", "frame == 3 or frame == 4", "--limit", "1"});
  QVERIFY(few.out.contains("and 3 more"));
}

void CliStudyTest::files() {
  const auto csv = path_text(folder_ / "study.csv"), html = path_text(folder_ / "study.html");
  const auto result = deer_study({"study", trace_, "--csv", csv, "--html", html, "--where", "depth > 0"});
  QVERIFY2(result.code == 0, qPrintable(result.err));
  QFile rows(csv);
  QVERIFY(rows.open(QFile::ReadOnly));
  QCOMPARE(rows.readAll().count('\n'), 3);
  QFile page(html);
  QVERIFY(page.open(QFile::ReadOnly));
  QXmlStreamReader xml(&page);
  while (!xml.atEnd()) xml.readNext();
  QVERIFY2(!xml.hasError(), qPrintable(xml.errorString()));
}

void CliStudyTest::several_traces() {
  fs::create_directory(folder_ / "many");
  fs::copy_file(trace_.toStdString(), folder_ / "many" / "a.h5");
  fs::copy_file(trace_.toStdString(), folder_ / "many" / "b.h5");
  const auto result = deer_study({"study", path_text(folder_ / "many")});
  // Both hold the same runs.
  QVERIFY2(result.out.contains("2 episodes, 18 frames, 2 traces"), qPrintable(result.out));
  QVERIFY2(result.err.contains("2 episodes are in several traces"), qPrintable(result.err));
}

void CliStudyTest::errors_are_one_line() {
  const auto fails = [](const QStringList& arguments, const char* says) {
    const auto result = deer_study(arguments);
    const bool good = result.code == 1 && result.err.contains(QLatin1String(says)) && result.err.count('\n') == 1;
    if (!good) qWarning("%d %s", result.code, qPrintable(result.err));
    return good;
  };
  QVERIFY(fails({"study", path_text(folder_.write("text.h5", std::string(100, 'x')))}, "is not a trace"));
  QVERIFY(fails({"study", trace_, "--where", "dept > 3"}, "--where: "));
  QVERIFY(fails({"study", trace_, trace_}, "is given twice"));
  QVERIFY(fails({"study", trace_, "--baseline", path_text(folder_ / "none.json")}, "none.json"));
  QVERIFY(
      fails({"study", trace_, "--baseline", path_text(folder_.write("four.json", R"({"thresholds": [1, 2, 3, 4]})"))},
            "at most one for each"));
  QVERIFY(fails({"study", trace_, "--html", path_text(folder_ / "no" / "page.html")}, "no: is not a directory"));
}

DEER_SUITE(CliStudyTest)
#include "tst_cli_study.moc"
