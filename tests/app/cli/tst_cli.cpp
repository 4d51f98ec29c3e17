// SPDX-License-Identifier: GPL-3.0-or-later
#include <QProcess>
#include <QTest>
#include <cmath>

#include "core/base/json_file.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;

namespace {

const QString kModel = QStringLiteral(DEER_SOURCE_DIR "/tests/data/random_demo/model");
const QString kEpisodes = QStringLiteral(DEER_SOURCE_DIR "/tests/data/random_demo/episodes");
const QString kReference = QStringLiteral(DEER_TEST_DATA "/reference/");

struct Result {
  int code = -1;
  QString out;
  QString err;
};

Result deer_program(const QStringList& arguments) {
  QProcess process;
  process.start(QStringLiteral(DEER_PROGRAM), arguments);
  process.waitForFinished(120'000);
  return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -2,
          QString::fromUtf8(process.readAllStandardOutput()), QString::fromUtf8(process.readAllStandardError())};
}

std::vector<Json> lines_of(const QString& text) {
  std::vector<Json> out;
  for (const auto& line : text.split('\n', Qt::SkipEmptyParts)) out.push_back(Json::parse(line.toStdString()));
  return out;
}

}  // namespace

// The program as a person starts it.
class CliTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void run_prints_a_line_a_frame();
  void run_leaves_where_it_is_told();
  void thresholds_from_text_and_file();
  void thresholds_of_a_budget();
  void table();
  void info_describes();
  void parity_says_yes_and_no();
  void attention_is_written();
  void convert_makes_a_model_that_runs();
  void convert_gives_a_model_its_thresholds();
  void an_episode_of_another_split_is_refused();
  void errors_are_one_line_data();
  void errors_are_one_line();
  void wrong_usage();
  void a_full_disk_is_an_error();
};

void CliTest::run_prints_a_line_a_frame() {
  const auto result = deer_program({"run", kModel, kEpisodes, "--frames", "7", "--probe"});
  QCOMPARE(result.code, 0);
  const auto lines = lines_of(result.out);
  QCOMPARE(lines.size(), std::size_t{7});
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& line = lines[i];
    QCOMPARE(line.at("frame").get<int>(), static_cast<int>(i));
    QCOMPARE(line.at("exits").size(), std::size_t{3});
    QCOMPARE(line.at("depth").get<int>(), line.at("exit_layer").get<int>() + 1);
    QCOMPARE(line.at("command").size(), std::size_t{7});
    QCOMPARE(line.at("recorded_action").size(), std::size_t{7});
    QVERIFY(line.at("times_ms").at("total").get<double>() > 0);
    QVERIFY(!line.at("instruction").get<std::string>().empty());
  }
  QVERIFY(result.err.contains("7 frames, mean depth"));
  QCOMPARE(deer_program({"run", kModel, kEpisodes, "--frames", "7", "--probe"}).out.section("times_ms", 0, 0),
           result.out.section("times_ms", 0, 0));
}

void CliTest::run_leaves_where_it_is_told() {
  for (const auto& line : lines_of(deer_program({"run", kModel, kEpisodes, "--frames", "4", "--exit", "3"}).out)) {
    QCOMPARE(line.at("exit_layer").get<int>(), 3);
    QCOMPARE(line.at("reason").get<std::string>(), std::string("fixed"));
  }
}

void CliTest::thresholds_from_text_and_file() {
  const auto deep =
      lines_of(deer_program({"run", kModel, kEpisodes, "--frames", "3", "--thresholds", "never,never,always"}).out);
  QCOMPARE(deep.size(), std::size_t{3});
  for (const auto& line : deep) QCOMPARE(line.at("exit_layer").get<int>(), 5);
  test::TemporaryFolder folder;
  const auto file = folder.write("thresholds.json", R"({"thresholds": [1e8, 0, 0]})");
  for (const auto& line : lines_of(deer_program({"run", kModel, kEpisodes, "--frames", "3", "--thresholds",
                                                 QString::fromStdString(file.string())})
                                       .out)) {
    QCOMPARE(line.at("exit_layer").get<int>(), 1);
  }
}

void CliTest::table() {
  const auto result = deer_program({"run", kModel, kEpisodes, "--frames", "5", "--table"});
  QCOMPARE(result.code, 0);
  QVERIFY(result.out.contains("random weights"));
  QCOMPARE(result.out.count(" ms\n"), 5);
  QVERIFY(!result.out.contains("nan") && !result.out.contains("1e+08"));
}

void CliTest::info_describes() {
  const auto machine = deer_program({"info", "--json"});
  QCOMPARE(machine.code, 0);
  QVERIFY(Json::parse(machine.out.toStdString()).at("float32_gmacs").get<double>() > 0);
  const auto model = Json::parse(deer_program({"info", kModel, "--json"}).out.toStdString());
  QVERIFY(model.at("exit_layers") == Json({1, 3, 5}));
  QVERIFY(model.at("unused_tensors").empty());
  const auto table = deer_program({"info", kModel}).out;
  QVERIFY(table.contains("exits        after layers 1 3 5") && table.contains("name         deer-tiny"));
  const auto data = Json::parse(deer_program({"info", kEpisodes, "--json"}).out.toStdString());
  QCOMPARE(data.at("kind").get<std::string>(), std::string("CALVIN"));
  QVERIFY(data.at("episodes").size() >= 2);
  // A run describes itself too.
  test::TemporaryFolder folder;
  const auto file = folder.write(
      "run.jsonl", deer_program({"run", kModel, kEpisodes, "--frames", "4", "--exit", "1"}).out.toStdString());
  const auto run =
      Json::parse(deer_program({"info", QString::fromStdString(file.string()), "--json"}).out.toStdString());
  QCOMPARE(run.at("frames").get<int>(), 4);
  QCOMPARE(run.at("mean_depth").get<double>(), 2.0);
}

void CliTest::parity_says_yes_and_no() {
  QCOMPARE(deer_program({"parity", kReference + "thresholds", "-q"}).code, 0);
  const auto all = deer_program({"parity", kReference + "clip_archive"});
  QCOMPARE(all.code, 0);
  QVERIFY(all.out.contains("tokens") && all.out.contains("abs") && all.out.contains("rel"));
  test::TemporaryFolder folder;
  fs::copy((kReference + "text").toStdString(), folder / "text");
  auto prompts = read_json(folder / "text" / "prompts.json");
  prompts["prompts"][0]["input_ids"][1] = 7;
  folder.write("text/prompts.json", prompts.dump());
  const auto changed = deer_program({"parity", QString::fromStdString((folder / "text").string()), "-q"});
  QCOMPARE(changed.code, 1);
  QVERIFY(changed.out.contains("FAIL") && changed.out.contains("21528"));
}

void CliTest::attention_is_written() {
  test::TemporaryFolder folder;
  const auto file = QString::fromStdString((folder.path() / "map.npz").string());
  const auto result = deer_program({"attention", kModel, kEpisodes, "--frame", "3", "--exit", "3", "--out", file});
  QCOMPARE(result.code, 0);
  const auto line = lines_of(result.out).at(0);
  QCOMPARE(line.at("frame").get<int>(), 3);
  QCOMPARE(line.at("exit_layer").get<int>(), 3);
  QCOMPARE(line.at("head").get<std::string>(), std::string("mean"));
  const auto share = [&](const char* camera) { return line.at(camera).at("share").get<double>(); };
  QVERIFY(std::abs(share("static") + share("gripper") - 1) < 1e-5);
  const auto& largest = line.at("static").at("largest");
  QVERIFY(largest.at("row").get<int>() < line.at("rows").get<int>());
  QVERIFY(largest.at("weight").get<double>() * line.at("rows").get<int>() * line.at("columns").get<int>() >=
          share("static") * 0.999);
  QVERIFY(fs::file_size(folder.path() / "map.npz") > 100);
  QVERIFY(deer_program({"attention", kModel, kEpisodes, "--exit", "2"}).err.contains("no exit after layer 2"));
  QVERIFY(deer_program({"attention", kModel, kEpisodes, "--head", "99"}).err.contains("--head 99 does not exist"));
  QVERIFY(deer_program({"attention", kModel, kEpisodes, "--frame", "100000"}).err.contains("does not exist"));
}

void CliTest::convert_makes_a_model_that_runs() {
  test::TemporaryFolder folder;
  const auto out = QString::fromStdString((folder / "converted").string());
  const auto result = deer_program({"convert", out, "--from", kReference + "tiny_mpt1b"});
  QVERIFY2(result.code == 0, qPrintable(result.err));
  QVERIFY(result.err.contains("tokenizer.json"));
  fs::copy((kModel + "/tokenizer.json").toStdString(), folder / "converted" / "tokenizer.json");
  const auto theirs = lines_of(deer_program({"run", kModel, kEpisodes, "--frames", "2", "--exit", "5"}).out);
  const auto ours = lines_of(deer_program({"run", out, kEpisodes, "--frames", "2", "--exit", "5"}).out);
  QCOMPARE(ours.size(), std::size_t{2});
  for (std::size_t i = 0; i < 2; ++i) QVERIFY(ours[i].at("action") == theirs[i].at("action"));
}

void CliTest::thresholds_of_a_budget() {
  test::TemporaryFolder folder;
  const auto run = [&](const char* text, QStringList more = {}) {
    return deer_program(QStringList{"run", kModel, kEpisodes, "--frames", "2", "--thresholds",
                                    QString::fromStdString(folder.write("t.json", std::string_view(text)).string())} +
                        more);
  };
  // Fewer exits than the model's: no deeper one may be used.
  const auto shallow = run(R"({"thresholds": [-1e8, 1e8], "exit_layers": [1, 3]})");
  QVERIFY2(shallow.code == 0, qPrintable(shallow.err));
  QCOMPARE(lines_of(shallow.out).size(), std::size_t{2});
  for (const auto& line : lines_of(shallow.out)) QCOMPARE(line.at("exit_layer").get<int>(), 3);
  const auto foreign = run(R"({"thresholds": [0, 0, 1e8], "exit_layers": [0, 2, 4]})");
  QVERIFY(foreign.code != 0);
  QVERIFY2(foreign.err.contains("t.json") && foreign.err.contains("'exit_layers' are 0, 2, 4"),
           qPrintable(foreign.err));
  // What they compare comes with them.
  const auto first_delta = [](const Result& result) {
    return lines_of(result.out).at(1).at("exits").at(1).at("delta");
  };
  const auto plain = run(R"({"thresholds": [-1e8, -1e8, 1e8]})");
  const auto similar = run(R"({"thresholds": [-1e8, -1e8, 1e8], "criterion": "feature_similarity"})");
  const auto asked = run(R"([-1e8, -1e8, 1e8])", {"--criterion", "feature_similarity"});
  QVERIFY2(similar.code == 0, qPrintable(similar.err));
  QVERIFY(first_delta(similar) == first_delta(asked));
  QVERIFY(first_delta(similar) != first_delta(plain));
  const auto wrong = run(R"({"thresholds": [0, 0, 1e8], "criterion": 5})");
  QVERIFY2(wrong.code != 0 && wrong.err.contains("criterion"), qPrintable(wrong.err));
  const auto both = run(R"([0, 0, 1e8])", {"--exit", "1"});
  QVERIFY2(both.code != 0 && both.err.contains("--exit"), qPrintable(both.err));
  const auto place = deer_program({"run", kModel, kEpisodes, "--thresholds", kModel});
  QVERIFY2(place.code != 0 && place.err.contains("is not a thresholds file"), qPrintable(place.err));
}

void CliTest::convert_gives_a_model_its_thresholds() {
  test::TemporaryFolder folder;
  const auto out = QString::fromStdString((folder / "named").string());
  const auto result = deer_program(
      {"convert", out, "--from", kModel, "--thresholds", "never,0.5,always", "--name", "tiny", "--note", "for tests"});
  QVERIFY2(result.code == 0, qPrintable(result.err));
  const auto config = read_json(folder / "named" / "config.json");
  QCOMPARE(config.at("name").get<std::string>(), std::string("tiny"));
  QCOMPARE(config.at("note").get<std::string>(), std::string("for tests"));
  QVERIFY((config.at("suggested_thresholds").get<std::vector<double>>() == std::vector<double>{-1e8, 0.5, 1e8}));
  // They are the policy in force unless another is asked for.
  for (const auto& line : lines_of(deer_program({"run", out, kEpisodes, "--frames", "3"}).out)) {
    QVERIFY(line.at("exit_layer").get<int>() > 1);
  }
  // A model is not replaced by accident.
  const auto again = deer_program({"convert", out, "--from", kModel, "--name", "other"});
  QCOMPARE(again.code, 1);
  QVERIFY2(again.err.contains("model.safetensors") && again.err.contains("--overwrite"), qPrintable(again.err));
  QCOMPARE(read_json(folder / "named" / "config.json").at("name").get<std::string>(), std::string("tiny"));
  QCOMPARE(deer_program({"convert", out, "--from", kModel, "--name", "other", "--overwrite"}).code, 0);
  QCOMPARE(read_json(folder / "named" / "config.json").at("name").get<std::string>(), std::string("other"));
  const auto few = deer_program({"convert", out, "--from", kModel, "--thresholds", "0.5,always", "--overwrite"});
  QCOMPARE(few.code, 1);
  QVERIFY2(few.err.contains("'suggested_thresholds' has 2 values, expected 3"), qPrintable(few.err));
}

void CliTest::an_episode_of_another_split_is_refused() {
  const auto list = deer_program({"info", kEpisodes, "--json"});
  const auto episodes = Json::parse(list.out.toStdString())["episodes"];
  QVERIFY(episodes.size() > 1);
  const auto split = episodes[0].at("split").get<std::string>();
  const auto other = split == "training" ? "validation" : "training";
  const auto result = deer_program({"trace", kModel, kEpisodes, "--split", other, "--index", "0", "--out", "split.h5"});
  QCOMPARE(result.code, 1);
  QVERIFY2(result.err.contains("is in the split '" + QString::fromStdString(split)), qPrintable(result.err));
}

void CliTest::errors_are_one_line_data() {
  QTest::addColumn<QStringList>("arguments");
  QTest::addColumn<QString>("says");
  const QString nowhere = "/nowhere/at/all";
  QTest::newRow("no model") << QStringList{"run", nowhere, kEpisodes} << "/nowhere/at/all: does not exist";
  QTest::newRow("no episode") << QStringList{"run", kModel, nowhere} << nowhere;
  QTest::newRow("a model as an episode") << QStringList{"run", kModel, kModel} << "model";
  QTest::newRow("an episode as a model") << QStringList{"run", kEpisodes, kEpisodes} << "contains no model";
  QTest::newRow("an episode that is not there") << QStringList{"run", kModel, kEpisodes, "--index", "99"} << "99";
  QTest::newRow("a threshold in words") << QStringList{"run", kModel, kEpisodes, "--thresholds", "a,b,c"}
                                        << "--thresholds: 'a' is not a threshold";
  QTest::newRow("decimal commas") << QStringList{"run", kModel, kEpisodes, "--thresholds", "0,02 0,03 100000,0"}
                                  << "decimal commas";
  QTest::newRow("too few thresholds") << QStringList{"run", kModel, kEpisodes, "--thresholds", "1"}
                                      << "1 thresholds given, expected 3";
  QTest::newRow("a layer that is not there")
      << QStringList{"run", kModel, kEpisodes, "--exit", "12"} << "layer 12 does not exist";
  QTest::newRow("a device that is not there")
      << QStringList{"run", kModel, kEpisodes, "--device", "tpu"} << "'tpu' is unknown";
  QTest::newRow("float16 on the CPU") << QStringList{"run", kModel, kEpisodes, "--device", "cpu", "--dtype", "float16"}
                                      << "float16";
  QTest::newRow("no tokenizer") << QStringList{"run", kReference + "tiny_mpt1b", kEpisodes} << "--tokenizer";
  QTest::newRow("a delta of no kind") << QStringList{"run", kModel, kEpisodes, "--delta-type", "euclid"} << "euclid";
  QTest::newRow("a second camera for a dataset")
      << QStringList{"run", kModel, kEpisodes, "--gripper", nowhere} << "has its own cameras (CALVIN)";
  QTest::newRow("info of nothing") << QStringList{"info", nowhere} << "does not exist";
  QTest::newRow("parity of nothing") << QStringList{"parity", kEpisodes} << "contains no golden data";
  QTest::newRow("convert of nothing") << QStringList{"convert", "/tmp/none", "--from", kEpisodes}
                                      << "contains no model";
}

void CliTest::errors_are_one_line() {
  QFETCH(const QStringList, arguments);
  QFETCH(const QString, says);
  const auto result = deer_program(arguments);
  QCOMPARE(result.code, 1);
  QVERIFY2(result.err.contains(says), qPrintable(result.err));
  QVERIFY(result.err.startsWith("deer: "));
  QCOMPARE(result.err.count('\n'), 1);
  QVERIFY(result.out.isEmpty());
}

void CliTest::a_full_disk_is_an_error() {
  QProcess process;
  process.setStandardOutputFile(QStringLiteral("/dev/full"));
  process.start(QStringLiteral(DEER_PROGRAM), {"info", kModel});
  QVERIFY(process.waitForFinished(120'000));
  QCOMPARE(process.exitCode(), 1);
  QVERIFY(QString::fromUtf8(process.readAllStandardError()).contains("cannot write"));
}

void CliTest::wrong_usage() {
  QCOMPARE(deer_program({}).code, 2);
  QVERIFY(deer_program({}).err.contains("A subcommand is required"));
  QCOMPARE(deer_program({"dance"}).code, 2);
  const auto option = deer_program({"--bogus"});
  QCOMPARE(option.code, 2);
  QVERIFY2(option.err.contains("--bogus"), qPrintable(option.err));
  QCOMPARE(deer_program({"run", kModel}).code, 2);
  const auto comma = deer_program({"solve", kModel, "--average-depth", "4,5"});
  QCOMPARE(comma.code, 2);
  QVERIFY2(comma.err.contains("'4,5' is not a number above 0; did you mean 4.5?"), qPrintable(comma.err));
  const auto negative = deer_program({"run", kModel, kEpisodes, "--index", "-1"});
  QVERIFY2(negative.err.contains("'-1' is not a whole number from 0"), qPrintable(negative.err));
  QCOMPARE(deer_program({"--help"}).code, 0);
  QVERIFY(deer_program({"--version"}).out.startsWith("deer 0."));
}

DEER_SUITE(CliTest)
#include "tst_cli.moc"
