// SPDX-License-Identifier: GPL-3.0-or-later
#include <signal.h>

#include <QProcess>
#include <QTest>
#include <fstream>

#include "core/base/json_file.h"
#include "core/base/mapped_file.h"
#include "core/episodes/calvin/calvin_dataset.h"
#include "core/episodes/calvin/calvin_frame.h"
#include "core/episodes/lerobot/parquet_file.h"
#include "core/episodes/open/open_source.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;
using namespace deer::test;

namespace {

const QString kModel = QStringLiteral(DEER_SOURCE_DIR "/tests/data/random_demo/model");

struct Result {
  int code = -1;
  QString out;
  QString err;
};

Result deer_program(const QStringList& arguments) {
  QProcess process;
  process.start(QStringLiteral(DEER_PROGRAM), arguments);
  process.waitForFinished(300'000);
  return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2,
          QString::fromUtf8(process.readAllStandardOutput()), QString::fromUtf8(process.readAllStandardError())};
}

QString text(const fs::path& path) { return QString::fromStdString(path.string()); }

// Results without what differs from run to run: times and memory.
Json timeless(Json json) {
  if (json.is_object()) {
    for (const char* key : {"seconds", "jobs", "peak_memory_bytes", "milliseconds"}) json.erase(key);
    for (auto it = json.begin(); it != json.end();) {
      it = it.key().ends_with("_ms") ? json.erase(it) : std::next(it);
    }
  }
  for (auto& item : json) {
    if (item.is_structured()) item = timeless(item);
  }
  return json;
}

std::string content(const fs::path& file) {
  const auto mapped = MappedFile::open(file);
  return {reinterpret_cast<const char*>(mapped->bytes().data()), mapped->size()};
}

}  // namespace

// The commands that simulate, as a person starts them.
class CliWorldTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void the_experts_are_good() {
    const TemporaryFolder folder;
    const auto file = folder / "expert.json";
    const auto result = deer_program({"eval", "--expert", "--chains", "6", "--seed", "3", "--json", text(file)});
    QVERIFY2(result.code == 0, qPrintable(result.err));
    QVERIFY(result.out.contains("average length"));
    const auto json = read_json(file);
    QCOMPARE(json["chains"].get<int>(), 6);
    QVERIFY(json["average_length"].get<double>() > 3.5);
    QCOMPARE(json["success_rate"].size(), std::size_t{5});
    QVERIFY(!fs::exists(folder / "expert.json.chains"));
  }

  void suites_are_evaluated_by_difficulty() {
    const TemporaryFolder folder;
    const QStringList arguments = {"eval",     "--expert",
                                   "--chains", "4",
                                   "--seed",   "3",
                                   "--tasks",  "referring",
                                   "--json",   text(folder / "result"),
                                   "--csv",    text(folder / "table.csv")};
    const auto result = deer_program(arguments);
    QVERIFY2(result.code == 0, qPrintable(result.err));
    QVERIFY(result.out.contains("difficulty") && result.out.contains("new in the test"));
    const auto json = read_json(folder / "result");
    QVERIFY(json["average_length"].get<double>() > 3);
    QVERIFY(json["per_difficulty"].contains("compare") && json["per_difficulty"].contains("memory"));
    QCOMPARE(json["settings"]["part"].get<std::string>(), std::string("all"));
    std::size_t tries = 0;
    for (const auto& chain : json["results"]) tries += chain["subtasks"].size();
    std::ifstream table(folder / "table.csv");
    std::size_t rows = 0;
    for (std::string row; std::getline(table, row);) ++rows;
    QCOMPARE(rows, tries + 1);
    // Mixed with names and wildcards of the other suite; chains alternate.
    const auto mixed = deer_program({"eval", "--expert", "--chains", "2", "--tasks", "second_*,odd_lift,calvin",
                                     "--length", "2", "--part", "test", "--json", text(folder / "mixed")});
    QVERIFY2(mixed.code == 0, qPrintable(mixed.err));
    const auto both = read_json(folder / "mixed");
    QVERIFY(both["settings"]["tasks"].size() == 4 + 1 + 29);
    QVERIFY(both["results"][1]["subtasks"][0]["unseen"].dump().find("scene") != std::string::npos);
    QVERIFY(both["results"][0]["subtasks"][0]["unseen"].empty());
  }

  void jobs_do_not_change_results() {
    const TemporaryFolder folder;
    for (const char* jobs : {"1", "3"}) {
      const auto result =
          deer_program({"eval", kModel, "--chains", "4", "--max-steps", "12", "--thresholds", "0.02,0.05,always",
                        "--jobs", jobs, "--json", text(folder / (std::string("jobs") + jobs))});
      QVERIFY2(result.code == 0, qPrintable(result.err));
    }
    const auto one = read_json(folder / "jobs1");
    QCOMPARE(timeless(one).dump(1), timeless(read_json(folder / "jobs3")).dump(1));
    QCOMPARE(one["steps"].get<int>(), 48);
    QCOMPARE(one["model"]["exit_layers"].dump(), std::string("[1,3,5]"));
    QVERIFY(one["mean_llm_gflops"].get<double>() < one["mean_full_llm_gflops"].get<double>());
    QVERIFY(one["mean_llm_gflops"].get<double>() < one["mean_total_gflops"].get<double>());
    QCOMPARE(one["settings"]["model_sha1"]["config.json"].get<std::string>().size(), std::size_t{40});
    std::int64_t exits = 0;
    for (const auto& count : one["exit_histogram"]) exits += count.get<std::int64_t>();
    QCOMPARE(exits, 48);
  }

  void slices_merge_into_the_whole() {
    const TemporaryFolder folder;
    const QStringList command{"eval", kModel, "--chains", "5", "--max-steps", "8", "--length", "2", "--jobs", "1"};
    QCOMPARE(deer_program(command + QStringList{"--json", text(folder / "whole")}).code, 0);
    QStringList parts;
    for (const char* slice : {"2/3", "3/3", "1/3"}) {
      parts << text(folder / (std::string("part") + slice[0]));
      const auto result = deer_program(command + QStringList{"--slice", slice, "--json", parts.back()});
      QVERIFY2(result.code == 0, qPrintable(result.err));
    }
    QCOMPARE(read_json(folder / "part1")["results"].size(), std::size_t{2});
    const auto merged = deer_program(QStringList{"merge", text(folder / "merged")} + parts);
    QVERIFY2(merged.code == 0, qPrintable(merged.err));
    QCOMPARE(timeless(read_json(folder / "merged")).dump(1), timeless(read_json(folder / "whole")).dump(1));
    // A slice that is missing, given twice, of another evaluation, or none.
    const auto fails = [&](const QStringList& files, const char* says) {
      const auto result = deer_program(QStringList{"merge", text(folder / "x")} + files);
      const bool good = result.code == 1 && result.err.contains(QLatin1String(says)) && result.err.count('\n') == 1;
      if (!good) qWarning("%d %s", result.code, qPrintable(result.err));
      return good;
    };
    QVERIFY(fails(parts.mid(1), "hold 3 of 5 chains"));
    QVERIFY(fails(parts + parts.mid(2), "which another slice has too"));
    QVERIFY(fails({text(folder / "whole")}, "is not a slice"));
    QCOMPARE(
        deer_program(command + QStringList{"--seed", "9", "--slice", "3/3", "--json", text(folder / "other")}).code, 0);
    QVERIFY(fails({parts[0], text(folder / "other")}, "is of another evaluation"));
    QVERIFY(fails({QStringLiteral(DEER_SOURCE_DIR "/README.md")}, "README.md: is neither a slice of"));
    const auto over = deer_program(QStringList{"merge", parts[0]} + parts);
    QVERIFY2(over.code == 1 && over.err.contains("is the output too"), qPrintable(over.err));
    const auto same = deer_program(command + QStringList{"--slice", "1/3", "--json", parts[0]});
    QVERIFY2(same.code == 1 && same.err.contains("holds slice 2/3: give every slice a file"), qPrintable(same.err));
    for (const char* slice : {"0/3", "4/3", "2", "1/x", "1/2/3", ""}) {
      const auto result = deer_program(command + QStringList{"--slice", slice, "--json", text(folder / "y")});
      QVERIFY2(result.code == 1 && result.err.contains("expected I/N"), qPrintable(result.err));
    }
    QVERIFY(deer_program(command + QStringList{"--slice", "1/3"}).err.contains("--slice needs --json"));
  }

  void a_fixed_exit_costs_what_it_costs() {
    const TemporaryFolder folder;
    const auto result = deer_program({"eval", kModel, "--chains", "1", "--max-steps", "5", "--exit", "3", "--length",
                                      "1", "--json", text(folder / "fixed")});
    QVERIFY2(result.code == 0, qPrintable(result.err));
    const auto json = read_json(folder / "fixed");
    QCOMPARE(json["mean_depth"].get<double>(), 4.0);
    QVERIFY(qFuzzyCompare(json["mean_llm_gflops"].get<double>(), json["mean_full_llm_gflops"].get<double>() * 4 / 6));
    QCOMPARE(json["success_rate"].size(), std::size_t{1});
  }

  void an_interrupted_evaluation_goes_on() {
    const TemporaryFolder folder;
    const QStringList arguments = {"eval",   "--expert", "--length", "2", "--chains", "14",
                                   "--seed", "4",        "--jobs",   "1", "--json",   text(folder / "result")};
    QProcess process;
    process.start(QStringLiteral(DEER_PROGRAM), arguments);
    // A few chains, then Ctrl-C.
    const auto log = folder / "result.chains";
    const auto lines = [&] {
      std::ifstream in(log);
      return std::count(std::istreambuf_iterator<char>(in), {}, '\n');
    };
    QTRY_VERIFY_WITH_TIMEOUT(lines() > 2, 60'000);
    ::kill(static_cast<pid_t>(process.processId()), SIGINT);
    QVERIFY(process.waitForFinished(30'000));
    QCOMPARE(process.exitCode(), 130);
    QVERIFY(lines() > 2 && lines() <= 14);
    QVERIFY(!fs::exists(folder / "result"));

    auto other = arguments;
    other[7] = "5";
    QVERIFY(deer_program(other).err.contains("other settings"));
    const auto resumed = deer_program(arguments);
    QVERIFY2(resumed.code == 0, qPrintable(resumed.err));
    QVERIFY(resumed.err.contains("resuming after"));
    auto whole = arguments;
    whole.back() = text(folder / "whole");
    QCOMPARE(deer_program(whole).code, 0);
    QCOMPARE(timeless(read_json(folder / "result")).dump(), timeless(read_json(folder / "whole")).dump());
  }

  void demos_make_a_dataset() {
    const TemporaryFolder folder;
    const QStringList arguments = {"demos",
                                   text(folder / "data"),
                                   "--episodes",
                                   "6",
                                   "--seed",
                                   "2",
                                   "--tasks",
                                   "turn_on_led,turn_off_led",
                                   "--scatter",
                                   "4",
                                   "--jobs",
                                   "2",
                                   "--validation-share",
                                   "0.34"};
    const auto result = deer_program(arguments);
    QVERIFY2(result.code == 0, qPrintable(result.err));
    const auto dataset = CalvinDataset::open(folder / "data", {});
    QVERIFY(dataset->warnings().empty());
    QCOMPARE(dataset->splits().size(), std::size_t{2});
    QCOMPARE(dataset->splits()[0].annotations.size(), std::size_t{4});
    QCOMPARE(dataset->splits()[1].annotations.size(), std::size_t{2});
    for (const auto& split : dataset->splits()) {
      for (const auto& segment : split.segments) {
        for (auto id = segment.first; id <= segment.last; ++id) QVERIFY(fs::exists(calvin_frame_path(split.path, id)));
      }
    }
    QVERIFY(!fs::exists(folder / "data/.recording"));
    QCOMPARE(read_json(folder / "data/recording.json")["annotations"].get<int>(), 6);
    QVERIFY(deer_program(arguments).err.contains("already holds a finished recording"));
  }

  void demos_make_a_lerobot_dataset() {
    if (!ParquetFile::is_available()) QSKIP("this build has no Apache Arrow");
    const TemporaryFolder folder;
    const auto out = folder / "data";
    const auto result =
        deer_program({"demos", text(out), "--episodes", "3", "--seed", "2", "--tasks", "turn_on_led,turn_off_led",
                      "--jobs", "1", "--validation-share", "0.34", "--format", "lerobot"});
    QVERIFY2(result.code == 0, qPrintable(result.err));
    QVERIFY(!fs::exists(out / ".recording") && !fs::exists(out / "training"));
    QCOMPARE(read_json(out / "recording.json")["format"].get<std::string>(), std::string("lerobot"));
    const auto info = read_json(out / "meta/info.json");
    QCOMPARE(info["splits"].dump(), std::string(R"({"train":"0:2","validation":"2:3"})"));
    QCOMPARE(info["robot_type"].get<std::string>(), std::string("panda"));
    QCOMPARE(info["fps"].get<int>(), 30);
    const auto data = open_source(out);
    QVERIFY2(data->warnings().empty(), data->warnings().empty() ? "" : data->warnings().front().c_str());
    QCOMPARE(data->episodes().size(), std::size_t{3});
    const auto episode = data->open(2);
    const auto seen = episode->read(episode->length().value() - 1);
    QCOMPARE(seen->rgb_static->width, 200);
    QCOMPARE(seen->rgb_gripper->width, 84);
    QVERIFY(seen->state.size() == 15 && seen->robot_obs && seen->rel_action && !seen->instruction.empty());
  }

  void slices_record_one_dataset() {
    const TemporaryFolder folder;
    const auto record = [&](const char* name, const QStringList& more) {
      return deer_program(QStringList{"demos", text(folder / name), "--episodes", "6", "--seed", "2", "--tasks",
                                      "turn_on_led,turn_off_led", "--shard", "2", "--jobs", "1", "--scatter", "4"} +
                          more);
    };
    QCOMPARE(record("whole", {}).code, 0);
    const auto first = record("sliced", {"--slice", "2/2"});
    QVERIFY2(first.code == 0 && first.out.contains("slice 2/2 is recorded"), qPrintable(first.err + first.out));
    QVERIFY(!fs::exists(folder / "sliced/recording.json"));
    const auto last = record("sliced", {"--slice", "1/2"});
    QVERIFY2(last.code == 0, qPrintable(last.err));
    const auto a = CalvinDataset::open(folder / "whole", {}), b = CalvinDataset::open(folder / "sliced", {});
    QCOMPARE(b->episodes().size(), a->episodes().size());
    for (std::size_t i = 0; i < a->episodes().size(); ++i) {
      QCOMPARE(b->episodes()[i].first_frame_id, a->episodes()[i].first_frame_id);
      QCOMPARE(b->episodes()[i].title, a->episodes()[i].title);
    }
    QVERIFY(*a->open(0)->read(5)->robot_obs == *b->open(0)->read(5)->robot_obs);
  }

  void demos_of_the_referring_suite_hold_every_block() {
    const TemporaryFolder folder;
    const auto result =
        deer_program({"demos", text(folder / "data"), "--episodes", "3", "--tasks", "side_lift,at_drawer_*",
                      "--scatter", "2", "--jobs", "1", "--split", "training", "--noise", "0"});
    QVERIFY2(result.code == 0, qPrintable(result.err));
    QCOMPARE(read_json(folder / "data/recording.json")["part"].get<std::string>(), std::string("training"));
    const auto dataset = CalvinDataset::open(folder / "data", {});
    QVERIFY(dataset->warnings().empty());
    const auto& split = dataset->splits().front();
    QCOMPARE(split.annotations.size(), std::size_t{3});
    for (const auto& segment : split.segments) {
      const auto frame = read_calvin_frame(calvin_frame_path(split.path, segment.first));
      QVERIFY(frame.blocks.size() >= 5 && frame.blocks.size() <= 7);
      QVERIFY(frame.scene_obs.has_value());
    }
  }

  void a_model_plays_and_the_experts_are_recorded() {
    const TemporaryFolder folder;
    const QStringList arguments = {"demos",           text(folder / "data"),
                                   "--episodes",      "2",
                                   "--seed",          "2",
                                   "--tasks",         "turn_on_led,turn_off_led",
                                   "--jobs",          "1",
                                   "--split",         "training",
                                   "--model",         kModel,
                                   "--exit",          "1",
                                   "--learner-steps", "5"};
    const auto result = deer_program(arguments);
    QVERIFY2(result.code == 0, qPrintable(result.err));
    QVERIFY2(result.out.contains("% model"), qPrintable(result.out));
    const auto summary = read_json(folder / "data/recording.json");
    QCOMPARE(summary["annotations"].get<int>(), 2);
    QCOMPARE(summary["learner_steps"].get<int>(), 5);
    QVERIFY(summary["seconds"]["model"].get<double>() > 0);
    auto wrong = arguments;
    wrong[1] = text(folder / "other");
    wrong.replaceInStrings(kModel, "/nowhere");
    QVERIFY(deer_program(wrong).err.contains("/nowhere"));
  }

  void a_killed_recording_goes_on() {
    const TemporaryFolder folder;
    const auto arguments = [&](const char* out) {
      return QStringList{
          "demos",   text(folder / out), "--episodes", "6", "--seed",  "2", "--tasks", "turn_on_led,turn_off_led",
          "--split", "training",         "--jobs",     "1", "--shard", "3"};
    };
    QProcess process;
    process.start(QStringLiteral(DEER_PROGRAM), arguments("killed"));
    // Two shards: killed without warning once the first is finished.
    QTRY_VERIFY_WITH_TIMEOUT(fs::exists(folder / "killed/.recording/training-0.json"), 200'000);
    process.kill();
    process.waitForFinished();
    const auto other = deer_program(arguments("killed") << "--noise"
                                                        << "0.1");
    QVERIFY(other.err.contains("other settings"));
    const auto resumed = deer_program(arguments("killed"));
    QVERIFY2(resumed.code == 0, qPrintable(resumed.err));
    QVERIFY(resumed.err.contains("resuming after"));
    QCOMPARE(deer_program(arguments("whole")).code, 0);
    int files = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder / "whole/training")) {
      if (!entry.is_regular_file()) continue;
      ++files;
      const auto twin = folder / "killed/training" / fs::relative(entry.path(), folder / "whole/training");
      QVERIFY2(content(entry.path()) == content(twin), twin.c_str());
    }
    QVERIFY(files > 60);
  }

  void errors_are_one_line_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<QString>("part");
    QTest::newRow("no such model") << QStringList{"eval", "/nowhere"} << "/nowhere";
    QTest::newRow("too few thresholds") << QStringList{"eval", kModel, "--thresholds", "0.1", "--chains", "1"}
                                        << "thresholds given, expected 3";
    QTest::newRow("no such task") << QStringList{"eval", "--expert", "--tasks", "juggle"} << "no task \"juggle\"";
    QTest::newRow("no such part") << QStringList{"eval", "--expert", "--part", "some"} << "--part";
    QTest::newRow("no chain") << QStringList{"eval", "--expert", "--tasks", "open_drawer"} << "no chain of 5";
    QTest::newRow("no folder") << QStringList{"eval", "--expert", "--json", "/nowhere/file"} << "is not a directory";
    QTest::newRow("a folder") << QStringList{"eval", "--expert", "--json", "/tmp"} << "is a folder, expected a file";
    QTest::newRow("worker by hand") << QStringList{"eval", "--expert", "--worker"} << "for worker processes";
    QTest::newRow("nothing to record") << QStringList{"demos", "/tmp/none", "--episodes", "0"} << "nothing to record";
    QTest::newRow("not empty") << QStringList{"demos", DEER_SOURCE_DIR, "--episodes", "1"} << "is not empty";
  }
  void errors_are_one_line() {
    QFETCH(QStringList, arguments);
    QFETCH(QString, part);
    const auto result = deer_program(arguments);
    QCOMPARE(result.code, part == "--part" ? 2 : 1);  // 2: the command line is wrong
    QVERIFY2(result.err.contains(part), qPrintable(result.err));
    if (result.code == 1) QCOMPARE(result.err.count('\n'), 1);
  }
};

DEER_SUITE(CliWorldTest)
#include "tst_cli_world.moc"
