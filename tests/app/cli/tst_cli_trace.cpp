// SPDX-License-Identifier: GPL-3.0-or-later
#include <signal.h>

#include <QCoreApplication>
#include <QProcess>
#include <QTest>
#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/atomic_file.h"
#include "core/base/json_file.h"
#include "core/episodes/lerobot/parquet_file.h"
#include "core/episodes/open/open_source.h"
#include "core/trace/trace_reader.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/two_arm_trace.h"

namespace fs = std::filesystem;
using namespace deer;

namespace {

const QString kModel = QStringLiteral(DEER_SOURCE_DIR "/tests/data/random_demo/model");
const QString kEpisodes = QStringLiteral(DEER_SOURCE_DIR "/tests/data/random_demo/episodes");

struct Result {
  int code = -1;
  QString out;
  QString err;
};

Result finish(QProcess& process) {
  process.waitForFinished(120'000);
  return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2,
          QString::fromUtf8(process.readAllStandardOutput()), QString::fromUtf8(process.readAllStandardError())};
}

Result deer_program(const QStringList& arguments) {
  QProcess process;
  process.start(QStringLiteral(DEER_PROGRAM), arguments);
  return finish(process);
}

std::vector<Json> lines_of(const Result& result) {
  std::vector<Json> out;
  for (const auto& line : result.out.split('\n', Qt::SkipEmptyParts)) out.push_back(Json::parse(line.toStdString()));
  return out;
}

QString text(const fs::path& path) { return QString::fromStdString(path.string()); }

std::string difference(const Json& replayed, const Json& run) {
  for (const char* key : {"frame_id", "instruction", "step", "exit_layer", "exit_index", "reason", "recorded_action"}) {
    if (replayed.at(key) != run.at(key)) return std::string(key) + ": " + replayed.dump() + " and " + run.dump();
  }
  for (std::size_t i = 0; i < 6; ++i) {
    if (std::abs(replayed.at("action")[i].get<double>() - run.at("action")[i].get<double>()) > 1e-5) return "action";
  }
  return {};
}

}  // namespace

// deer trace, deer replay and deer info of a trace, as a person starts them.
class CliTraceTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void info_describes_a_trace();
  void a_trace_becomes_a_lerobot_dataset();
  void a_replay_is_a_run_data();
  void a_replay_is_a_run();
  void frames_can_be_forced();
  void the_summary();
  void several_traces_are_summed();
  void an_interrupted_trace_goes_on_data();
  void an_interrupted_trace_goes_on();
  void frames_that_cannot_be_read_are_skipped();
  void slices_trace_every_episode_once();
  void two_programs_do_not_write_one_trace();
  void without_its_model_recorded_actions_are_replayed();
  void a_trace_of_another_robot();
  void errors_are_one_line();

 private:
  test::TemporaryFolder folder_;
  QString trace_;
  std::vector<int> episodes_;  // frames of each in the trace
};

void CliTraceTest::initTestCase() {
  trace_ = text(folder_ / "trace.h5");
  const auto result = deer_program(
      {"trace", kModel, kEpisodes, "--out", trace_, "--index", "0,1", "--frames", "9", "--thumbnails", "32"});
  QVERIFY2(result.code == 0, qPrintable(result.err));
  const auto trace = TraceReader::open(trace_.toStdString());
  for (const int step : trace->steps(0, trace->frames())) {
    if (step == 0) episodes_.push_back(0);
    ++episodes_.back();
  }
  QCOMPARE(trace->frames(), 18);
  const auto details = trace->details(0, 18, true);
  QCOMPARE(details[9].episode, 1);
  QVERIFY(details[17].thumbnail.size() > 100);
  QCOMPARE(details[17].thumbnail[0], std::uint8_t{0xFF});  // a JPEG
  QCOMPARE(details[17].thumbnail[1], std::uint8_t{0xD8});
  for (const auto& record : trace->records(0, 18)) QVERIFY(record->mode == RunMode::probe && record->exits.size() == 3);
}

void CliTraceTest::info_describes_a_trace() {
  const auto json = Json::parse(deer_program({"info", trace_, "--json"}).out.toStdString());
  QCOMPARE(json.at("frames").get<int>(), 18);
  QCOMPARE(json.at("episodes").get<std::size_t>(), episodes_.size());
  QVERIFY(json.at("exact").get<bool>());
  QCOMPARE(json.at("model").at("hash").get<std::string>().size(), std::size_t{40});
  const auto table = deer_program({"info", trace_});
  QVERIFY(table.out.contains("18 frames in") && table.out.contains("deer-tiny") && table.out.contains("are exact"));
}

void CliTraceTest::a_trace_becomes_a_lerobot_dataset() {
  const auto out = folder_ / "lerobot";
  const auto result = deer_program({"export", trace_, text(out), "--robot", "panda"});
  if (!ParquetFile::is_available()) {
    QVERIFY2(result.code == 1 && result.err.contains("Apache Arrow"), qPrintable(result.err));
    return;
  }
  QVERIFY2(result.code == 0, qPrintable(result.err));
  QVERIFY2(result.out.contains("2 episodes, 18 frames in"), qPrintable(result.out));
  const auto data = open_source(out);
  QCOMPARE(data->episodes().size(), std::size_t{2});
  QCOMPARE(data->description()->schema.robot, std::string("panda"));
  QCOMPARE(data->description()->mapping.gripper_camera, std::string("observation.images.gripper"));
  const auto original = open_source(kEpisodes.toStdString())->open(1)->read(3);
  const auto seen = data->open(1)->read(3);
  QCOMPARE(seen->instruction, original->instruction);
  QCOMPARE(seen->rgb_static->width, original->rgb_static->width);
  QVERIFY(std::abs(seen->state[2] - (*original->robot_obs)[2]) < 1e-6);
  QVERIFY(std::abs((*seen->rel_action)[1] - (*original->rel_action)[1]) < 1e-6);
  const ParquetFile rows(out / "data" / "chunk-000" / "file-000.parquet");
  const auto exits = rows.numbers("prediction.exit", 0, 18).values;
  const auto actions = rows.numbers("prediction.action", 0, 18).values;
  const auto records = TraceReader::open(trace_.toStdString())->records(0, 18, false);
  for (std::size_t i = 0; i < 18; ++i) {
    QCOMPARE(exits[i], static_cast<double>(records[i]->exit_index));
    QCOMPARE(actions[i * 7 + 6], static_cast<double>(records[i]->command[6]));
  }
  QVERIFY(deer_program({"export", trace_, text(out)}).err.contains("expected a new or an empty folder"));
  // Of a dataset without predictions, and only what is asked for.
  const auto part = folder_ / "part";
  const auto copied = deer_program({"export", kEpisodes, text(part), "--index", "1", "--images"});
  QVERIFY2(copied.code == 0, qPrintable(copied.err));
  const auto second = open_source(part);
  QCOMPARE(second->episodes().size(), std::size_t{1});
  QVERIFY(second->open(0)->read(3)->rgb_static->rgb == original->rgb_static->rgb);  // without loss
  QVERIFY(deer_program({"export", kEpisodes, text(folder_ / "none"), "--index", "999"}).err.contains("too large"));
}

void CliTraceTest::a_replay_is_a_run_data() {
  QTest::addColumn<QStringList>("options");
  QTest::newRow("thresholds") << QStringList{"--thresholds", "0.03,0.02,always"};
  QTest::newRow("never") << QStringList{"--thresholds", "never,never,always"};
  QTest::newRow("cosine") << QStringList{"--thresholds", "0.01,0.01,always", "--delta-type", "cosine"};
  QTest::newRow("a fixed exit, own head") << QStringList{"--exit", "3", "--own-head"};
  QTest::newRow("repeated, refreshed") << QStringList{"--executions", "2", "--refresh-every", "4"};
  QTest::newRow("what the model suggests") << QStringList{};
}

void CliTraceTest::a_replay_is_a_run() {
  QFETCH(const QStringList, options);
  const auto replayed = lines_of(deer_program(QStringList{"replay", trace_, "--lines"} + options));
  QCOMPARE(replayed.size(), std::size_t{18});
  std::vector<Json> run;
  for (const char* index : {"0", "1"}) {
    const auto part =
        lines_of(deer_program(QStringList{"run", kModel, kEpisodes, "--index", index, "--frames", "9"} + options));
    run.insert(run.end(), part.begin(), part.end());
  }
  QCOMPARE(run.size(), replayed.size());
  for (std::size_t i = 0; i < run.size(); ++i) {
    const auto found = difference(replayed[i], run[i]);
    QVERIFY2(found.empty(), ("frame " + std::to_string(i) + ", " + found).c_str());
  }
}

void CliTraceTest::frames_can_be_forced() {
  const QStringList common{"replay", trace_, "--thresholds", "always,always,always", "--lines"};
  const auto plain = lines_of(deer_program(common));
  const auto forced = lines_of(deer_program(common + QStringList{"--force", "3=5", "--force", "12=3"}));
  QCOMPARE(forced.size(), std::size_t{18});
  for (std::size_t i = 0; i < 18; ++i) {
    QCOMPARE(forced[i].at("exit_layer").get<int>(), i == 3 ? 5 : i == 12 ? 3 : 1);
    QCOMPARE(forced[i].at("reason") == "forced", i == 3 || i == 12);
    // What comes before, or in another episode, stays as it was.
    const bool may_differ = (i >= 3 && i < 9) || i >= 12;
    if (!may_differ) QVERIFY(forced[i].at("action") == plain[i].at("action"));
  }
  QVERIFY(forced[4].at("action") != plain[4].at("action"));
}

void CliTraceTest::the_summary() {
  const auto file = folder_ / "summary.json";
  const auto thresholds = folder_.write("thresholds.json", R"({"thresholds": [-1e8, -1e8, 1e8]})");
  const auto result = deer_program({"replay", trace_, "--thresholds", text(thresholds), "--json", text(file)});
  QVERIFY2(result.code == 0, qPrintable(result.err));
  QVERIFY(result.out.contains("18 frames") && result.out.contains("exits after layer 5"));
  const auto json = read_json(file);
  const auto& summary = json.at("summary");
  QVERIFY(json.at("exact").get<bool>());
  QCOMPARE(summary.at("frames_by_exit_layer").at("5").get<int>(), 18);
  QCOMPARE(summary.at("saving").get<double>(), 0.0);
  QCOMPARE(summary.at("error_to_deepest").at("peak").get<double>(), 0.0);
  QVERIFY(summary.at("error_to_recorded").at("mean").get<double>() > 0);
  QVERIFY(summary.at("cost").at("mean").get<double>() > 0);
}

void CliTraceTest::several_traces_are_summed() {
  const auto runs = folder_ / "runs";
  fs::create_directory(runs);
  fs::copy_file(trace_.toStdString(), runs / "a.h5");
  QCOMPARE(
      deer_program({"trace", kModel, kEpisodes, "--out", text(runs / "b.h5"), "--index", "1", "--frames", "7"}).code,
      0);
  folder_.write("runs/notes.txt", "no trace");
  const auto json_of = [&](const QStringList& traces, const char* name) {
    const auto file = folder_ / name;
    const auto result = deer_program(QStringList{"replay"} + traces +
                                     QStringList{"--thresholds", "0.03,0.02,always", "--json", text(file)});
    if (result.code != 0) qWarning("%s", qPrintable(result.err));
    return std::pair(read_json(file), result.out);
  };
  const auto [a, a_out] = json_of({text(runs / "a.h5")}, "a.json");
  const auto [b, b_out] = json_of({text(runs / "b.h5")}, "b.json");
  const auto [both, out] = json_of({text(runs)}, "both.json");
  const auto [named, named_out] = json_of({text(runs / "a.h5"), text(runs / "b.h5")}, "named.json");
  QVERIFY(named == both);

  // One trace is told of as before, and as a list of one.
  QCOMPARE(a.at("trace").get<std::string>(), std::string("a.h5"));
  QCOMPARE(a.at("traces").size(), std::size_t{1});
  QVERIFY(a.at("traces")[0].at("summary") == a.at("summary"));
  QVERIFY(!both.contains("summary") && !both.contains("trace"));
  QCOMPARE(both.at("traces").size(), std::size_t{2});
  QVERIFY(both.at("traces")[0].at("summary") == a.at("summary"));
  QVERIFY(both.at("traces")[1].at("summary") == b.at("summary"));
  QVERIFY(both.at("policy") == a.at("policy"));

  const auto& total = both.at("total").at("summary");
  const auto sum = [&a = a, &b = b](const char* key) {
    return a.at("summary").at(key).get<int>() + b.at("summary").at(key).get<int>();
  };
  QCOMPARE(total.at("frames").get<int>(), 25);
  for (const char* key : {"frames", "gripper_differs_from_deepest", "gripper_differs_from_recorded"}) {
    QCOMPARE(total.at(key).get<int>(), sum(key));
  }
  for (const char* layer : {"1", "3", "5"}) {
    const auto at = [&](const Json& of) { return of.at("frames_by_exit_layer").at(layer).get<int>(); };
    QCOMPARE(at(total), at(a.at("summary")) + at(b.at("summary")));
  }
  for (const char* key : {"depth", "cost", "error_to_deepest", "error_to_recorded"}) {
    const auto& x = a.at("summary").at(key);
    const auto& y = b.at("summary").at(key);
    const auto mean = (18 * x.at("mean").get<double>() + 7 * y.at("mean").get<double>()) / 25;
    QVERIFY2(std::abs(total.at(key).at("mean").get<double>() - mean) < 1e-9, key);
    QCOMPARE(total.at(key).at("peak").get<double>(), std::max(x.at("peak").get<double>(), y.at("peak").get<double>()));
  }
  QCOMPARE(total.at("close").at("count").get<int>(),
           a.at("summary").at("close").at("count").get<int>() + b.at("summary").at("close").at("count").get<int>());
  QVERIFY(!total.at("close").contains("frames"));

  // A line a trace, then the sum as of one.
  QVERIFY2(out.contains("a.h5") && out.contains("b.h5") && out.contains("2 traces\n25 frames\n"), qPrintable(out));
  QVERIFY(!a_out.contains("traces") && a_out.startsWith("18 frames\n"));
  const auto lines = lines_of(deer_program({"replay", text(runs), "--lines"}));
  QCOMPARE(lines.size(), std::size_t{25});
  QCOMPARE(lines[18].at("trace").get<std::string>(), (runs / "b.h5").string());
}

void CliTraceTest::an_interrupted_trace_goes_on_data() {
  QTest::addColumn<int>("signal");
  QTest::newRow("Ctrl-C") << SIGINT;
  QTest::newRow("killed") << SIGKILL;
}

void CliTraceTest::an_interrupted_trace_goes_on() {
  QFETCH(const int, signal);
  const QString episodes = "0,1,0,1,0,1,0,1,0,1,0,1";  // so that it is not over before the signal
  const auto file = folder_ / ("interrupted" + std::to_string(signal) + ".h5");
  const QStringList command{"trace", kModel, kEpisodes, "--out", text(file), "--index", episodes};
  QProcess process;
  process.start(QStringLiteral(DEER_PROGRAM), command);
  QTRY_VERIFY_WITH_TIMEOUT(fs::exists(file), 60'000);
  if (signal == SIGKILL) QTest::qWait(300);
  ::kill(static_cast<pid_t>(process.processId()), signal);
  const auto result = finish(process);
  if (signal == SIGINT) {
    QVERIFY2(result.code == 0, qPrintable(result.err));
    QVERIFY(result.err.contains("stopping after this frame"));
  }
  const auto before = TraceReader::open(file)->frames();
  const auto resumed = deer_program(command + QStringList{"--resume"});
  QVERIFY2(resumed.code == 0, qPrintable(resumed.err));
  const auto whole = TraceReader::open(file);
  QVERIFY2(before < whole->frames(), "the first run was not interrupted");
  const auto undisturbed = folder_ / ("undisturbed" + std::to_string(signal) + ".h5");
  QCOMPARE(deer_program({"trace", kModel, kEpisodes, "--out", text(undisturbed), "--index", episodes}).code, 0);
  const auto expected = TraceReader::open(undisturbed);
  QCOMPARE(whole->frames(), expected->frames());
  const auto a = whole->records(0, whole->frames());
  const auto b = expected->records(0, whole->frames());
  for (std::size_t i = 0; i < a.size(); ++i) {
    QCOMPARE(a[i]->frame, b[i]->frame);
    QCOMPARE(a[i]->exit_layer, b[i]->exit_layer);
    QCOMPARE(a[i]->exits[2].feature, b[i]->exits[2].feature);
  }
  // Nothing is left to do, and other settings do not go on.
  QCOMPARE(deer_program(command + QStringList{"--resume"}).code, 0);
  const auto other = deer_program(command + QStringList{"--resume", "--exit", "3"});
  QVERIFY(other.code == 1 && other.err.contains("other settings"));
}

void CliTraceTest::frames_that_cannot_be_read_are_skipped() {
  const auto data = folder_ / "broken";
  fs::copy(kEpisodes.toStdString(), data, fs::copy_options::recursive);
  const auto whole_file = text(folder_ / "whole.h5");
  const QStringList episodes{"--index", "0,1,2"};
  QCOMPARE(deer_program(QStringList{"trace", kModel, text(data), "--out", whole_file} + episodes).code, 0);
  const auto whole = TraceReader::open(whole_file.toStdString());
  // One in the middle of the first episode, and the first of the second, which then cannot be opened.
  const auto details = whole->details(0, whole->frames());
  const auto second = std::find_if(details.begin(), details.end(), [](const auto& d) { return d.episode == 1; });
  std::vector<fs::path> frames;
  for (const auto id : {details[3].frame_id, second->frame_id}) {
    for (const char* split : {"training", "validation"}) {
      const auto file = data / split / ("episode_0" + std::to_string(id) + ".npz");
      if (fs::exists(file)) fs::resize_file(file, 100);
    }
  }
  // The third episode holds the frames of the first two.
  const auto length_of_second =
      std::count_if(details.begin(), details.end(), [](const auto& d) { return d.episode == 1; });
  const QStringList command = QStringList{"trace", kModel, text(data), "--out", text(folder_ / "broken.h5")} + episodes;
  const auto result = deer_program(command);
  QCOMPARE(result.code, 1);
  QVERIFY2(
      result.err.contains(QStringLiteral("deer: skipped %1 frames that could not be read").arg(length_of_second + 3)),
      qPrintable(result.err));
  QVERIFY(result.err.contains("episode 1: ") && result.err.contains("not a complete zip file"));
  const auto trace = TraceReader::open((folder_ / "broken.h5").string());
  QCOMPARE(trace->frames(), whole->frames() - 3 - length_of_second);
  QCOMPARE(trace->details(3, 1)[0].frame_id, details[4].frame_id);
  // Resuming finds the first and the third episode complete.
  const auto again = deer_program(command + QStringList{"--resume"});
  QCOMPARE(TraceReader::open((folder_ / "broken.h5").string())->frames(), trace->frames());
  QVERIFY2(!again.err.contains("cannot be resumed"), qPrintable(again.err));
}

void CliTraceTest::slices_trace_every_episode_once() {
  std::multiset<std::int32_t> episodes;
  for (const char* slice : {"1/2", "2/2"}) {
    const auto file = folder_ / (std::string("slice") + slice[0] + ".h5");
    const auto result = deer_program(
        {"trace", kModel, kEpisodes, "--out", text(file), "--index", "0,1,2", "--frames", "2", "--slice", slice});
    QVERIFY2(result.code == 0, qPrintable(result.err));
    const auto trace = TraceReader::open(file);
    for (const auto& details : trace->details(0, trace->frames())) episodes.insert(details.episode);
  }
  QVERIFY(episodes == (std::multiset<std::int32_t>{0, 0, 1, 1, 2, 2}));
  const auto summed = deer_program({"replay", text(folder_ / "slice1.h5"), text(folder_ / "slice2.h5")});
  QVERIFY2(summed.code == 0, qPrintable(summed.err));
  const auto empty = deer_program(
      {"trace", kModel, kEpisodes, "--out", text(folder_ / "none.h5"), "--index", "0,1", "--slice", "3/3"});
  QVERIFY2(empty.code == 0 && empty.out.startsWith("0 frames in "), qPrintable(empty.err));
  const auto studied = deer_program({"study", text(folder_ / "slice1.h5"), text(folder_ / "none.h5")});
  QVERIFY2(studied.code == 0 && studied.err.contains("none.h5 holds no frames"), qPrintable(studied.err));
}

void CliTraceTest::two_programs_do_not_write_one_trace() {
  const auto file = folder_ / "shared.h5";
  const QStringList command{"trace", kModel, kEpisodes, "--out", text(file), "--index", "0", "--frames", "1"};
  {
    const WriteLock lock(file);  // as another program that writes it
    const auto refused = deer_program(command);
    QCOMPARE(refused.code, 1);
    QVERIFY2(refused.err.contains(QStringLiteral("shared.h5: is being written by another program (process %1)")
                                      .arg(QCoreApplication::applicationPid())),
             qPrintable(refused.err));
    QVERIFY(!fs::exists(file));
  }
  QCOMPARE(deer_program(command).code, 0);
  QVERIFY(!fs::exists(folder_ / "shared.h5.lock"));
}

void CliTraceTest::without_its_model_recorded_actions_are_replayed() {
  fs::copy(kModel.toStdString(), folder_ / "gone");
  const auto file = folder_ / "gone.h5";
  QCOMPARE(
      deer_program({"trace", text(folder_ / "gone"), kEpisodes, "--out", text(file), "--index", "0", "--frames", "9"})
          .code,
      0);
  fs::remove_all(folder_ / "gone");
  const auto recorded = TraceReader::open(file)->records(0, 9);
  const QStringList policy{"--thresholds", "always,always,always", "--force", "3=5"};
  const auto result = deer_program(QStringList{"replay", text(file), "--lines"} + policy);
  QVERIFY2(result.code == 0, qPrintable(result.err));
  QVERIFY2(result.err.contains("replayed from recorded actions") && result.err.count('\n') == 1,
           qPrintable(result.err));
  const auto lines = lines_of(result);
  QCOMPARE(lines.size(), std::size_t{9});
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t exit = i == 3 ? 2 : 0;
    QCOMPARE(lines[i].at("exit_index").get<std::size_t>(), exit);
    QCOMPARE(lines[i].at("replay").get<std::string>(), std::string("replayed from recorded actions"));
    for (std::size_t k = 0; k < 6; ++k) {
      QCOMPARE(lines[i].at("action")[k].get<float>(), recorded[i]->exits[exit].action[k]);
    }
  }
  const auto summary = deer_program(QStringList{"replay", text(file), "--json", text(folder_ / "gone.json")} + policy);
  QVERIFY2(summary.out.startsWith("replayed from recorded actions\n9 frames\n"), qPrintable(summary.out));
  QVERIFY(!read_json(folder_ / "gone.json").at("exact").get<bool>());
}

void CliTraceTest::a_trace_of_another_robot() {
  const auto file = folder_ / "arms.h5";
  test::write_two_arm_trace(file, 30);
  const auto json = Json::parse(deer_program({"info", text(file), "--json"}).out.toStdString());
  QCOMPARE(json.at("action").at("steps").get<int>(), 8);
  QCOMPARE(json.at("action").at("dimensions").size(), std::size_t{14});
  QCOMPARE(json.at("action").at("dimensions")[6].at("kind").get<std::string>(), std::string("gripper"));
  QVERIFY(!json.at("exact").get<bool>());
  const auto table = deer_program({"info", text(file)});
  QVERIFY2(table.out.contains("14 values in 8 steps: left waist (joint, rad)"), qPrintable(table.out));

  const auto never = deer_program({"replay", text(file), "--lines", "--thresholds",
                                   "never,never,never,never,never,never,never,never,never,always"});
  QVERIFY2(never.code == 0 && never.err.contains("replayed from recorded actions"), qPrintable(never.err));
  const auto lines = lines_of(never);
  QCOMPARE(lines.size(), std::size_t{30});
  QCOMPARE(lines[11].at("exit_index").get<int>(), 9);
  QCOMPARE(lines[11].at("action").size(), std::size_t{8});
  QCOMPARE(lines[11].at("action")[7].size(), std::size_t{14});
  QCOMPARE(lines[11].at("action")[7][2].get<float>(), test::two_arm_value(11, 9, 7, 2));
  QCOMPARE(lines[11].at("recorded_action").size(), std::size_t{14});
  QVERIFY(!lines[11].contains("gripper_logit"));
  const auto summary = deer_program({"replay", text(file), "--json", text(folder_ / "arms.json")});
  QVERIFY2(summary.code == 0, qPrintable(summary.err));
  const auto numbers = read_json(folder_ / "arms.json").at("summary");
  QVERIFY(numbers.at("error_to_deepest").at("mean").get<double>() > 0);
  QVERIFY(numbers.at("error_to_recorded").at("mean").get<double>() > 0);
}

void CliTraceTest::errors_are_one_line() {
  const auto fails = [](const QStringList& arguments, const char* says) {
    const auto result = deer_program(arguments);
    const bool good = result.code == 1 && result.err.contains(QLatin1String(says)) && result.err.count('\n') == 1;
    if (!good) qWarning("%d %s", result.code, qPrintable(result.err));
    return good;
  };
  QVERIFY(fails({"trace", kModel, kEpisodes, "--out", trace_}, "already exists: use --resume"));
  QVERIFY(fails({"trace", kModel, kEpisodes, "--out", text(folder_ / "no" / "t.h5"), "--frames", "1"},
                "no: is not a directory"));
  QVERIFY(fails({"trace", kModel, kEpisodes, "--out", text(folder_.path())}, "is a folder, expected a file"));
  const auto letter = text(folder_.write("letter.h5", std::string_view("Dear all")));
  QVERIFY(
      fails({"trace", kModel, kEpisodes, "--out", letter, "--overwrite"}, "is not a trace, so --overwrite does not"));
  QVERIFY(fails({"trace", kModel, kEpisodes, "--out", text(folder_ / "t.h5"), "--index", "99"}, "too large"));
  QVERIFY(fails({"replay", text(folder_.write("text.h5", std::string(100, 'x')))}, "is not a trace"));
  QVERIFY(fails({"replay", trace_, "--force", "1"}, "FRAME=LAYER"));
  QVERIFY(fails({"replay", trace_, "--force", "18=1"}, "frames 0 to 17"));
  QVERIFY(fails({"replay", trace_, "--force", "1=9"}, "which does not exist"));
  QVERIFY(fails({"replay", trace_, "--force", "1=2"}, "without the feature of layer 2"));
  QVERIFY(fails({"replay", trace_, "--exit", "4"}, "the feature of layer 4, only of layers 1, 3, 5"));
  // Another model, even by a single number.
  fs::copy(kModel.toStdString(), folder_ / "other");
  auto config = read_json(folder_ / "other" / "config.json");
  config["note"] = "another";
  folder_.write("other/config.json", config.dump());
  QVERIFY(fails({"replay", trace_, "--model", text(folder_ / "other")}, "is not the model"));
  const auto others = text(folder_ / "others.h5");
  QCOMPARE(deer_program({"trace", text(folder_ / "other"), kEpisodes, "--out", others, "--frames", "2"}).code, 0);
  QVERIFY(fails({"replay", trace_, others}, "was recorded with a different model"));
  QVERIFY(fails({"replay", trace_, trace_}, "is given twice"));
  fs::create_directory(folder_ / "bare");
  QVERIFY(fails({"replay", text(folder_ / "bare")}, "holds no traces"));
  fs::copy_file(trace_.toStdString(), folder_ / "copy.h5");
  QVERIFY(fails({"replay", trace_, text(folder_ / "copy.h5"), "--force", "1=3"}, "give only one TRACE"));
}

DEER_SUITE(CliTraceTest)
#include "tst_cli_trace.moc"
