// SPDX-License-Identifier: GPL-3.0-or-later
#include <unistd.h>

#include <QProcess>
#include <QTest>
#include <fstream>

#include "core/base/json_file.h"
#include "core/base/mapped_file.h"
#include "tests/support/comma_locale.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/two_hosts.h"

namespace fs = std::filesystem;
using namespace deer;
using namespace deer::test;

namespace {

const QString kModel = QStringLiteral(DEER_SOURCE_DIR "/tests/data/random_demo/model");
const QString kData = QStringLiteral(DEER_TEST_DATA "/calvin_mini");
const QString kReference = QStringLiteral(DEER_TEST_DATA "/reference/");

struct Result {
  int code = -1;
  QString out;
  QString err;
};

Result result_of(QProcess& process) {
  process.waitForFinished(300'000);
  return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2,
          QString::fromUtf8(process.readAllStandardOutput()), QString::fromUtf8(process.readAllStandardError())};
}

Result deer_program(const QStringList& arguments) {
  QProcess process;
  process.start(QStringLiteral(DEER_PROGRAM), arguments);
  return result_of(process);
}

QString text(const fs::path& path) { return QString::fromStdString(path.string()); }

std::string content(const fs::path& file) {
  const auto mapped = MappedFile::open(file);
  return {reinterpret_cast<const char*>(mapped->bytes().data()), mapped->size()};
}

std::int64_t lines_of(const fs::path& file) {
  std::ifstream in(file);
  return std::count(std::istreambuf_iterator<char>(in), {}, '\n');
}

QStringList calibrate(const fs::path& out, const QStringList& more = {}) {
  return QStringList{"calibrate", kModel, kData, "--out", text(out), "--window", "6", "--dtype", "float32"} + more;
}

// Two ranks that find each other at `master`: here, or each in one of the network namespaces.
std::vector<Result> calibrate_as_ranks(const fs::path& file, const QString& master, const QStringList& namespaces) {
  auto environment = QProcessEnvironment::systemEnvironment();
  environment.insert("WORLD_SIZE", "2");
  environment.insert("MASTER_ADDR", master);
  environment.insert("MASTER_PORT", QString::number(20000 + static_cast<int>(::getpid() % 20000)));
  environment.insert("OMP_NUM_THREADS", "1");
  environment.insert("OPENBLAS_NUM_THREADS", "1");
  std::vector<std::unique_ptr<QProcess>> ranks;
  for (int rank = 0; rank < 2; ++rank) {
    environment.insert("RANK", QString::number(rank));
    QStringList command;
    if (!namespaces.isEmpty())
      command << "ip"
              << "netns"
              << "exec" << namespaces[rank];
    command << QStringLiteral(DEER_PROGRAM) << calibrate(file, {"--samples", "60", "--seed", "5"});
    auto& process = ranks.emplace_back(std::make_unique<QProcess>());
    process->setProcessEnvironment(environment);
    process->start(command.front(), command.mid(1));
  }
  std::vector<Result> out;
  for (auto& rank : ranks) out.push_back(result_of(*rank));
  return out;
}

// One line, nothing else.
void verify_error(const QStringList& arguments, const char* part) {
  const auto result = deer_program(arguments);
  QVERIFY2(result.code == 1, qPrintable(QString::number(result.code) + " " + result.err));
  QVERIFY2(result.err.startsWith("deer: ") && result.err.count('\n') == 1, qPrintable(result.err));
  QVERIFY2(result.err.contains(part), qPrintable(result.err));
}

}  // namespace

// Calibration, budgets and tuning, as a person starts them.
class CliBudgetTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    set_ = folder_ / "set.safetensors";
    const auto result = deer_program(calibrate(set_, {"--samples", "60", "--seed", "5", "--jobs", "2"}));
    QVERIFY2(result.code == 0, qPrintable(result.err));
    QVERIFY(result.out.contains("60 samples of 3 exits"));
    QVERIFY(!fs::exists(folder_ / "set.safetensors.windows"));
  }

  void any_number_of_processes_calibrates_alike() {
    for (const char* jobs : {"1", "3"}) {
      const auto file = folder_ / (std::string("jobs") + jobs);
      QCOMPARE(deer_program(calibrate(file, {"--samples", "60", "--seed", "5", "--jobs", jobs})).code, 0);
      QVERIFY(content(file) == content(set_));
    }
    const auto other = folder_ / "other";
    QCOMPARE(deer_program(calibrate(other, {"--samples", "60", "--seed", "6", "--jobs", "2"})).code, 0);
    QVERIFY(content(other) != content(set_));
  }

  void ranks_calibrate_alike() {
    const auto file = folder_ / "ranks";
    const auto results = calibrate_as_ranks(file, "127.0.0.1", {});
    for (const auto& result : results) {
      if (result.err.contains("without Gloo")) QSKIP("built without Gloo");
      QVERIFY2(result.code == 0, qPrintable(result.err));
    }
    QVERIFY(content(file) == content(set_));
    QVERIFY(!fs::exists(folder_ / "ranks.windows.0") && !fs::exists(folder_ / "ranks.windows.1"));
  }

  // Two network namespaces stand for two machines. The name of each is 127.0.0.1 to itself, as Debian sets it up.
  void hosts_calibrate_alike() {
    const TwoHosts hosts;
    if (!hosts.are_there()) QSKIP("needs the right to make network namespaces");
    const auto file = folder_ / "hosts";
    for (const auto& result : calibrate_as_ranks(file, hosts.address(), hosts.names())) {
      if (result.err.contains("without Gloo")) QSKIP("built without Gloo");
      QVERIFY2(result.code == 0, qPrintable(result.err));
    }
    QVERIFY(content(file) == content(set_));
  }

  void slices_calibrate_alike() {
    QStringList parts;
    for (const char* slice : {"1/3", "2/3", "3/3"}) {
      const auto part = folder_ / (std::string("slice") + slice[0]);
      parts << text(part);
      const auto result =
          deer_program(calibrate(part, {"--samples", "60", "--seed", "5", "--jobs", "1", "--slice", slice}));
      QVERIFY2(result.code == 0, qPrintable(result.err));
      QVERIFY2(result.out.startsWith(QStringLiteral("slice %1: ").arg(slice)), qPrintable(result.out));
    }
    const auto merged = folder_ / "merged.safetensors";
    QCOMPARE(deer_program(QStringList{"merge", text(merged)} + parts).code, 0);
    QVERIFY(content(merged) == content(set_));
    // A slice that is finished has nothing left to do.
    QCOMPARE(
        deer_program(calibrate(folder_ / "slice1", {"--samples", "60", "--seed", "5", "--jobs", "1", "--slice", "1/3"}))
            .code,
        0);
    verify_error(QStringList{"merge", text(merged)} + parts.mid(1), "give all of them");
    verify_error(QStringList{"merge", text(merged), parts[0], parts[0]}, "is it given twice?");
    // Named is the file that is wrong, and nobody is told to remove it.
    const auto model = kModel + "/model.safetensors";
    verify_error(QStringList{"merge", text(merged), parts[0], model}, "model.safetensors: is neither a slice");
    const auto other = text(folder_ / "other_seed");
    QCOMPARE(deer_program(calibrate(other.toStdString(), {"--samples", "60", "--seed", "9", "--slice", "2/3"})).code,
             0);
    verify_error(QStringList{"merge", text(merged), parts[0], other, parts[2]}, "other settings than the other parts");
    std::ofstream(folder_ / "results.json") << R"({"settings": {}, "results": []})";
    verify_error(QStringList{"merge", text(merged), parts[0], text(folder_ / "results.json")}, "is of another command");
  }

  void windows_with_broken_frames_are_drawn_anew() {
    const auto data = folder_ / "broken_data";
    fs::copy(kData.toStdString(), data, fs::copy_options::recursive);
    int broken = 0;
    for (const auto& entry : fs::recursive_directory_iterator(data)) {
      if (entry.path().extension() == ".npz" && entry.path().stem().string().ends_with("7")) {
        fs::resize_file(entry.path(), 100);
        ++broken;
      }
    }
    QVERIFY(broken > 3);
    const auto out = folder_ / "broken.safetensors";
    const auto result = deer_program({"calibrate", kModel, text(data), "--out", text(out), "--window", "6", "--dtype",
                                      "float32", "--samples", "40", "--jobs", "1"});
    QCOMPARE(result.code, 1);
    QVERIFY2(result.err.contains("deer: skipped") && result.err.contains("not a complete zip file"),
             qPrintable(result.err));
    QVERIFY(result.out.contains("40 samples of 3 exits"));
    QVERIFY(fs::exists(out));
  }

  void a_killed_calibration_goes_on() {
    const auto file = folder_ / "killed";
    const auto log = folder_ / "killed.windows";
    const auto arguments = calibrate(file, {"--samples", "60", "--seed", "5", "--jobs", "1"});
    QProcess process;
    process.start(QStringLiteral(DEER_PROGRAM), arguments);
    QTRY_VERIFY_WITH_TIMEOUT(lines_of(log) > 3, 60'000);
    process.kill();
    QVERIFY(process.waitForFinished(30'000));
    QVERIFY(!fs::exists(file));
    // A line that was cut short.
    { std::ofstream(log, std::ios::app) << "{\"window\": 1, \"val"; }
    auto other = arguments;
    other[other.indexOf("5")] = "6";
    verify_error(other, "other settings");
    const auto result = deer_program(arguments);
    QVERIFY2(result.code == 0, qPrintable(result.err));
    QVERIFY(result.err.contains("resuming after"));
    QVERIFY(content(file) == content(set_));
    QVERIFY(!fs::exists(log));
  }

  void a_comma_locale_changes_no_number() {
    const auto file = folder_ / "comma.json";
    const QStringList arguments = {"solve", text(set_), "--average-depth", "3.5", "--json", text(file)};
    const auto solved = deer_program(arguments);
    QVERIFY2(solved.code == 0, qPrintable(solved.err));
    const auto written = content(file);
    const auto line = deer_program({"solve", text(set_), "--average-depth", "3.5", "--reference-args"}).out;
    const QStringList run = {"run", kModel, kData, "--frames", "2", "--thresholds", "0.5,0.25,always"};
    QCOMPARE(deer_program(run).code, 0);

    const CommaLocale comma;
    QVERIFY2(comma.is_active(), "localedef could not make de_DE.UTF-8: install the package locales");
    QCOMPARE(deer_program(arguments).out, solved.out);
    QVERIFY(content(file) == written);
    QCOMPARE(deer_program({"solve", text(set_), "--average-depth", "3.5", "--reference-args"}).out, line);
    QCOMPARE(deer_program({"solve", text(set_), "--thresholds", text(file), "--average-depth", "3.5"}).code, 0);
    QCOMPARE(deer_program(run).code, 0);
  }

  void solve_meets_budgets() {
    const auto file = folder_ / "thresholds.json";
    auto result = deer_program({"solve", text(set_), "--average-depth", "3.5", "--json", text(file)});
    QVERIFY2(result.code == 0, qPrintable(result.err));
    QVERIFY2(result.out.contains("binding constraint") && result.out.contains("average depth"), qPrintable(result.out));
    auto json = read_json(file);
    QVERIFY(json["mean_depth"].get<double>() <= 3.5);
    QCOMPARE(json["exit_layers"].dump(), std::string("[1,3,5]"));
    QCOMPARE(json["provenance"]["model_hash"].get<std::string>().size(), std::size_t{40});
    QCOMPARE(json["provenance"]["samples"].get<std::string>(), std::string("60"));
    QVERIFY(json["mean_error"].get<double>() > 0);
    const double exponential = json["mean_error"].get<double>();

    result = deer_program({"solve", text(set_), "--average-depth", "3.5", "--distribution", "optimal", "--pareto", "8",
                           "--json", text(file)});
    QVERIFY2(result.code == 0, qPrintable(result.err));
    json = read_json(file);
    QVERIFY(json["mean_error"].get<double>() <= exponential);
    QCOMPARE(json["pareto"]["exp"].size(), std::size_t{8});
    QVERIFY(json["pareto"]["optimal"].size() > 1);
    QVERIFY(result.out.contains("× less LLM compute than full depth"));
    QCOMPARE(deer_program({"solve", text(set_), "--average-depth", "3.5", "--pareto", "8"}).code, 2);

    // Both files can be described.
    const auto read = [](const auto& run) { return Json::parse(run.out.toStdString()); };
    const auto described = read(deer_program({"info", text(file), "--json"}));
    QCOMPARE(described["kind"].get<std::string>(), std::string("thresholds"));
    QCOMPARE(described["thresholds"].size(), std::size_t{3});
    QVERIFY(deer_program({"info", text(file)}).out.contains("after layer 1: "));
    const auto set = read(deer_program({"info", text(set_), "--json"}));
    QCOMPARE(set["kind"].get<std::string>(), std::string("calibration set"));
    QCOMPARE(set["samples"].get<int>(), 60);
    const auto words = deer_program({"info", text(set_)}).out;
    QVERIFY2(words.contains("60 samples of 3 exits") && words.contains("model_hash"), qPrintable(words));

    // What was solved can be used.
    QCOMPARE(deer_program({"run", kModel, kData, "--frames", "2", "--thresholds", text(file)}).code, 0);
    result = deer_program({"solve", text(set_), "--model", kModel, "--average-gflops", "0.02", "--memory-gb", "1",
                           "--peak-gflops", "100"});
    QVERIFY2(result.code == 0, qPrintable(result.err));
    QVERIFY(result.out.contains("language model") && result.out.contains("memory"));
    QVERIFY(!result.err.contains("different model"));
    result = deer_program({"solve", text(set_), "--average-depth", "3.5", "--max-layer", "4", "--reference-args"});
    QVERIFY2(result.out.startsWith("--thresholds ") && result.out.endsWith(" 100000000.0 --max_layer 4\n"),
             qPrintable(result.out));
    result = deer_program({"solve", text(set_), "--thresholds", text(file), "--average-depth", "2.1"});
    QCOMPARE(result.code, 0);
    QVERIFY(result.out.contains("is not met"));
    // The values that the reference keeps in a checkpoint.
    const auto theirs = kReference + "tiny_mpt7b";
    result = deer_program({"solve", theirs + "/model.pth", "--model", theirs, "--average-depth", "4"});
    QVERIFY2(result.code == 0, qPrintable(result.err));
  }

  void timings_stand_in_for_gflops() {
    const auto file = folder_ / "timings.json";
    auto result = deer_program({"bench", kModel, "--repeats", "5", "--warm-up", "1", "--out", text(file)});
    QVERIFY2(result.code == 0, qPrintable(result.err));
    QVERIFY(result.out.contains("exit after layer 5"));
    auto json = read_json(file);
    QCOMPARE(json.at("threads").get<int>(), 1);  // so small a model
    // Made up, so that the outcome does not hang on this machine.
    for (std::size_t i = 0; i < 3; ++i) {
      json["exits"][i]["total"]["median_ms"] = 10 * static_cast<double>(i + 1);
    }
    folder_.write("timings.json", json.dump());
    result = deer_program({"solve", text(set_), "--timings", text(file), "--average-ms", "17", "--peak-ms", "30"});
    QVERIFY2(result.code == 0, qPrintable(result.err));
    QVERIFY2(result.out.contains("ms per step"), qPrintable(result.out));
    result = deer_program({"solve", text(set_), "--timings", text(file), "--average-ms", "14", "--peak-ms", "29"});
    QVERIFY(result.out.contains("peak ms"));
    verify_error({"solve", text(set_), "--timings", text(file), "--average-ms", "5"}, "the minimum is 10");
    verify_error({"solve", text(set_), "--average-ms", "5"}, "needs timings");
  }

  void what_cannot_be_met_is_an_error() {
    const auto set = text(set_);
    verify_error({"solve", set, "--average-depth", "1"}, "the minimum is 2");
    verify_error({"solve", set, "--average-depth", "3", "--max-layer", "1"}, "a max layer of 1 layers is infeasible");
    verify_error({"solve", set, "--model", kModel, "--memory-gb", "0.0001"}, "a memory of 0.0001 GB is infeasible");
    verify_error({"solve", set}, "give a budget");
    verify_error({"solve", set, "--average-gflops", "1"}, "--model");
    verify_error({"solve", set, "--average-depth", "3", "--distribution", "uniform"},
                 "one of exp, gauss, gamma, optimal");
    verify_error({"solve", set, "--average-depth", "3", "--model", kReference + "tiny_mpt7b"}, "different exits");
    verify_error({"solve", kModel + "/config.json", "--average-depth", "3"}, "config.json");
    verify_error({"solve", kReference + "tiny_mpt7b/model.pth", "--average-depth", "3"}, "--model");
    verify_error({"calibrate", kModel, kData, "--out", "/nowhere/x"}, "/nowhere");
    verify_error(calibrate(folder_ / "x", {"--criterion", "time_step"}), "no thresholds to calibrate");
    verify_error({"calibrate", kModel, kData, "--out", text(folder_ / "x"), "--window", "4000"}, "4000 frames");
    verify_error(calibrate(folder_ / "x", {"--split", "moon"}), "moon");
    QCOMPARE(deer_program({"solve", set, "--average-depth", "-1"}).code, 2);
  }

  void tune_asks_a_command() {
    const auto start = folder_.write("start.json", "[0.02, 0.003, 1e8]");
    const auto best = folder_ / "best.json";
    const auto arguments = tune(start, best, "");
    const auto result = deer_program(arguments);
    QVERIFY2(result.code == 0, qPrintable(result.err));
    QCOMPARE(lines_of(folder_ / "best.json.evaluations"), std::int64_t{17});  // settings and 16 evaluations
    const auto json = read_json(best);
    QCOMPARE(json["thresholds"].size(), std::size_t{3});
    const auto& tuner = json["tuner"];
    QCOMPARE(tuner["offline"]["thresholds"].dump(), std::string("[0.02,0.003,100000000.0]"));
    // The budget is what the start costs; the best is better and not beyond it but for what it earns.
    QCOMPARE(tuner["budget"].get<double>(), tuner["offline"]["mean_exit"].get<double>());
    QVERIFY(tuner["best"]["objective"].get<double>() < tuner["offline"]["objective"].get<double>() - 0.5);
    QCOMPARE(deer_program({"run", kModel, kData, "--frames", "1", "--thresholds", text(best)}).code, 0);

    // More evaluations go on from these.
    auto more = arguments;
    more[more.indexOf("16")] = "18";
    const auto longer = deer_program(more);
    QVERIFY2(longer.err.contains("resuming after 16 evaluations"), qPrintable(longer.err));
    QCOMPARE(lines_of(folder_ / "best.json.evaluations"), std::int64_t{19});
    auto other = arguments;
    other[other.indexOf("--seed") + 1] = "99";
    verify_error(other, "other settings");
  }

  void a_killed_tuner_goes_on() {
    const auto start = folder_.write("start.json", "[0.02, 0.003, 1e8]");
    const auto best = folder_ / "killed.json";
    const auto log = folder_ / "killed.json.evaluations";
    const auto arguments = tune(start, best, "sleep 0.1; ");
    QProcess process;
    process.start(QStringLiteral(DEER_PROGRAM), arguments);
    QTRY_VERIFY_WITH_TIMEOUT(lines_of(log) > 5, 60'000);
    process.kill();
    QVERIFY(process.waitForFinished(30'000));
    QVERIFY(!fs::exists(best));
    const auto result = deer_program(arguments);
    QVERIFY2(result.code == 0, qPrintable(result.err));
    QVERIFY(result.err.contains("resuming after"));
    // The same as without the interruption.
    const auto whole = folder_ / "whole.json";
    QCOMPARE(deer_program(tune(start, whole, "sleep 0.1; ")).code, 0);
    QCOMPARE(read_json(best)["tuner"].dump(), read_json(whole)["tuner"].dump());
    std::ifstream a(log);
    std::ifstream b(folder_ / "whole.json.evaluations");
    std::string left;
    std::string right;
    std::getline(a, left);
    std::getline(b, right);
    int count = 0;
    while (std::getline(a, left) && std::getline(b, right)) {
      auto one = Json::parse(left);
      auto two = Json::parse(right);
      one.erase("seconds");
      two.erase("seconds");
      QCOMPARE(one.dump(), two.dump());
      ++count;
    }
    QCOMPARE(count, 16);
  }

  void tune_reads_what_commands_print() {
    const auto start = folder_.write("start.json", "[0.02, 0.003, 1e8]");
    int number = 0;
    const auto run = [&](const QString& command) {
      const auto out = folder_ / ("print" + std::to_string(number++));
      return QStringList{"tune",    "--command",     command, "--thresholds", text(start), "--out",
                         text(out), "--evaluations", "1"};
    };
    for (const char* command :
         {"echo noise; echo 2.5 4.25 #", "echo '2.5, 4.25' #", "echo 0.02,0.003,1e5; echo 2.5; echo 4.25; echo #",
          "echo '{\"average_length\": 2.5, \"mean_depth\": 4.25}' #"}) {
      const auto result = deer_program(run(command));
      QVERIFY2(result.code == 0, qPrintable(result.err));
      QVERIFY2(result.out.contains("success 2.5000 at mean exit 4.250"), qPrintable(result.out));
    }
    const auto placed = deer_program(run("test {thresholds,} = 0.02,0.003,100000000.0 && echo 1 1"));
    QVERIFY2(placed.code == 0, qPrintable(placed.err));
    verify_error(run("echo hello #"), "'hello'");
    verify_error(run("true"), "expected");
    verify_error(run("echo '{\"success\": 1}' #"), "mean_exit");
    verify_error(run("exit 3 #"), "exited with status 3");
    verify_error(run("echo nan 1 #"), "expected");
    verify_error({"tune", "--thresholds", text(start), "--out", text(folder_ / "x")}, "--command");
    verify_error({"tune", kModel, "--thresholds", text(folder_ / "none"), "--out", text(folder_ / "x")}, "none");
    folder_.write("one.json", "[1e8]");
    verify_error({"tune", "--command", "x", "--thresholds", text(folder_ / "one.json"), "--out", text(folder_ / "x")},
                 "no threshold to tune");
    folder_.write("broken.evaluations", "{}\n");
    verify_error({"tune", "--command", "x", "--thresholds", text(start), "--out", text(folder_ / "broken")},
                 "other settings");
  }

#ifdef DEER_HAVE_SIM
  void tune_measures_in_the_simulated_world() {
    const auto start = folder_.write("world.json", "{\"thresholds\": [0.02, 0.05, 1e8], \"exit_layers\": [1, 3, 5]}");
    const auto best = folder_ / "world_best.json";
    const auto result = deer_program({"tune", kModel, "--thresholds", text(start), "--out", text(best), "--evaluations",
                                      "2", "--chains", "2", "--length", "1", "--max-steps", "4", "--jobs", "1"});
    QVERIFY2(result.code == 0, qPrintable(result.err));
    const auto json = read_json(best);
    QVERIFY(json["tuner"]["offline"]["mean_exit"].get<double>() >= 2);
    QCOMPARE(json["exit_layers"].dump(), std::string("[1,3,5]"));
  }
#endif

 private:
  // Success is best at 0.03 and 0.004; a mean exit that the second threshold lowers.
  QStringList tune(const fs::path& start, const fs::path& out, const char* before) const {
    const auto script =
        folder_.write("measure.sh",
                      "#!/bin/sh\nawk -v a=\"$1\" -v b=\"$2\" 'BEGIN { d = (a - 0.03) / 0.01; e = (b - 0.004) / 0.001;"
                      " printf \"{\\\"success\\\": %.9f, \\\"mean_exit\\\": %.9f}\\n\", 4 * exp(-(d * d + e * e) / 4), "
                      "6 - 100 * b }'\n");
    return {"tune",
            "--command",
            QString(before) + "sh " + text(script) + " {thresholds}",
            "--thresholds",
            text(start),
            "--out",
            text(out),
            "--random",
            "6",
            "--evaluations",
            "16",
            "--seed",
            "3"};
  }

  TemporaryFolder folder_;
  fs::path set_;
};

DEER_SUITE(CliBudgetTest)
#include "tst_cli_budget.moc"
