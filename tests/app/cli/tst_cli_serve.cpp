// SPDX-License-Identifier: GPL-3.0-or-later
#include <signal.h>

#include <QProcess>
#include <QTest>

#include "core/base/json_file.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

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

// `deer serve` until it is ended.
class Served {
 public:
  explicit Served(const QStringList& arguments) {
    process_.start(QStringLiteral(DEER_PROGRAM), QStringList{"serve"} + arguments);
    while (!process_.canReadLine() && process_.waitForReadyRead(120'000)) {
    }
    const auto line = QString::fromUtf8(process_.readLine()).trimmed();
    sentence_ = line;
    address_ = line.section(QStringLiteral(" at "), -1);
  }
  ~Served() {
    process_.kill();
    process_.waitForFinished();
  }

  const QString& address() const { return address_; }
  const QString& sentence() const { return sentence_; }
  Result end(int signal) {
    this->signal(signal);
    return finish(process_);
  }
  void signal(int number) { ::kill(static_cast<pid_t>(process_.processId()), number); }

 private:
  QProcess process_;
  QString address_;
  QString sentence_;
};

// Without what depends on the clock.
std::vector<Json> lines_of(const QString& out) {
  std::vector<Json> lines;
  for (const auto& line : out.split('\n', Qt::SkipEmptyParts)) {
    lines.push_back(Json::parse(line.toStdString()));
    lines.back().erase("times_ms");
  }
  return lines;
}

}  // namespace

// deer serve and deer run --engine, as a person starts them.
class CliServeTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void a_run_through_a_server_is_a_run_data();
  void a_run_through_a_server_is_a_run();
  void the_server_has_a_policy();
  void gates_go_by_their_fingerprint();
  void it_describes_itself();
  void it_ends_when_told_data();
  void it_ends_when_told();
  void a_killed_server();
  void errors_are_one_line_data();
  void errors_are_one_line();

 private:
  test::TemporaryFolder folder_;
};

void CliServeTest::a_run_through_a_server_is_a_run_data() {
  QTest::addColumn<QStringList>("options");
  QTest::newRow("what the model suggests") << QStringList{};
  QTest::newRow("thresholds") << QStringList{"--thresholds", "0.03,0.02,always"};
  QTest::newRow("every exit") << QStringList{"--probe"};
  QTest::newRow("repeated, refreshed") << QStringList{"--executions", "2", "--refresh-every", "4"};
  QTest::newRow("an intervention") << QStringList{"--intervene", "cover=static"};
}

void CliServeTest::a_run_through_a_server_is_a_run() {
  QFETCH(QStringList, options);
  const auto rest = QStringList{kEpisodes, "--frames", "8"} + options;
  Served server({kModel, "--listen", "127.0.0.1:0"});
  const auto there = deer_program(QStringList{"run", "--engine", server.address()} + rest);
  QVERIFY2(there.code == 0, qPrintable(there.err));
  const auto here = deer_program(QStringList{"run", kModel} + rest);
  QCOMPARE(lines_of(there.out).size(), std::size_t{8});
  QVERIFY(lines_of(there.out) == lines_of(here.out));
}

void CliServeTest::the_server_has_a_policy() {
  Served server({kModel, "--listen", "127.0.0.1:0", "--exit", "1"});
  const auto without = deer_program({"run", "--engine", server.address(), kEpisodes, "--frames", "3"});
  for (const auto& line : lines_of(without.out)) QCOMPARE(line.at("exit_layer").get<int>(), 1);
  const auto with = deer_program({"run", "--engine", server.address(), kEpisodes, "--frames", "3", "--exit", "5"});
  QCOMPARE(lines_of(with.out).size(), std::size_t{3});
  for (const auto& line : lines_of(with.out)) QCOMPARE(line.at("exit_layer").get<int>(), 5);
}

void CliServeTest::gates_go_by_their_fingerprint() {
  const auto trace = QString::fromStdString((folder_ / "gate.h5").string());
  const auto gate = QString::fromStdString((folder_ / "gate.safetensors").string());
  QCOMPARE(deer_program({"trace", kModel, kEpisodes, "--index", "0,1,3,4", "--frames", "2", "--out", trace}).code, 0);
  QCOMPARE(deer_program({"gate", trace, "--width", "2", "--epochs", "1", "--out", gate}).code, 0);
  const auto local = deer_program({"run", kModel, kEpisodes, "--frames", "4", "--gate", gate});
  Served with({kModel, "--listen", "127.0.0.1:0", "--gate", gate});
  QVERIFY(lines_of(deer_program({"run", "--engine", with.address(), kEpisodes, "--frames", "4"}).out) ==
          lines_of(local.out));
  QCOMPARE(lines_of(local.out).size(), std::size_t{4});
  // Named by a client, of a server that has no such gate.
  Served without({kModel, "--listen", "127.0.0.1:0"});
  const auto refused = deer_program({"run", "--engine", without.address(), kEpisodes, "--gate", gate});
  QVERIFY2(refused.code == 1 && refused.err.contains("is needed: it is the learned gate with the fingerprint"),
           qPrintable(refused.err));
  const auto vague = deer_program({"run", "--engine", with.address(), kEpisodes, "--criterion", "learned_gate"});
  QVERIFY2(vague.code == 1 && vague.err.contains("needs --thresholds or --gate"), qPrintable(vague.err));
}

void CliServeTest::it_describes_itself() {
  const auto token = folder_.write("token", "s3cret\n");
  fs::permissions(token, fs::perms::owner_read | fs::perms::owner_write);
  const auto file = QString::fromStdString(token.string());
  Served server({kModel, "--listen", "127.0.0.1:0", "--rollouts", "3", "--token-file", file});
  QVERIFY2(server.sentence().startsWith("serving deer-tiny (MPT-1b, 6 layers, 3 exits; cpu"),
           qPrintable(server.sentence()));
  const auto text = deer_program({"serve", "--check", server.address(), "--token-file", file});
  QVERIFY2(text.code == 0 && text.out.contains("deer-tiny (MPT-1b") && text.out.contains("exits after layers 1 3 5") &&
               text.out.contains("0 steps, 0 of 3 rollouts"),
           qPrintable(text.out + text.err));
  const auto json = Json::parse(
      deer_program({"serve", "--check", server.address(), "--token-file", file, "--json"}).out.toStdString());
  QCOMPARE(json.at("rollouts_most").get<int>(), 3);
  QCOMPARE(json.at("model").at("fingerprint").get<std::string>().size(), std::size_t{40});
  QCOMPARE(json.at("model").at("exit_layers").get<std::vector<int>>(), (std::vector<int>{1, 3, 5}));
  const auto refused = deer_program({"serve", "--check", server.address()});
  QCOMPARE(refused.code, 1);
  QVERIFY2(refused.err.contains("token"), qPrintable(refused.err));
}

void CliServeTest::it_ends_when_told_data() {
  QTest::addColumn<int>("number");
  QTest::newRow("SIGTERM") << SIGTERM;
  QTest::newRow("SIGINT") << SIGINT;
}

void CliServeTest::it_ends_when_told() {
  QFETCH(int, number);
  const auto socket = folder_ / "socket";
  Served server({kModel, "--listen", "unix:" + QString::fromStdString(socket.string())});
  QVERIFY(fs::exists(socket));
  const auto run = deer_program({"run", "--engine", server.address(), kEpisodes, "--frames", "2"});
  QVERIFY2(run.code == 0, qPrintable(run.err));
  const auto end = server.end(number);
  QVERIFY2(end.code == 0 && end.err.contains("2 steps served"), qPrintable(end.err));
  QVERIFY2(!fs::exists(socket), "the socket is left over");
}

void CliServeTest::a_killed_server() {
  const auto address = "unix:" + QString::fromStdString((folder_ / "killed").string());
  const QStringList arguments{kModel, "--listen", address};
  auto server = std::make_unique<Served>(arguments);
  QProcess run;
  run.start(QStringLiteral(DEER_PROGRAM), {"run", "--engine", address, kEpisodes, "--probe"});
  QByteArray out;
  while (out.count('\n') < 3 && run.waitForReadyRead(60'000)) out += run.readAllStandardOutput();
  server->end(SIGKILL);
  QVERIFY2(fs::exists(folder_ / "killed"), "the server removed its socket: it was not killed");
  server = std::make_unique<Served>(arguments);
  const auto result = finish(run);
  QVERIFY2(result.code == 0, qPrintable(result.err));
  QVERIFY2(result.err.contains("reconnected 1 time"), qPrintable(result.err));
  const auto local = deer_program({"run", kModel, kEpisodes, "--probe"});
  const auto there = lines_of(QString::fromUtf8(out) + result.out);
  QVERIFY(there.size() > 5);
  QVERIFY(there == lines_of(local.out));
}

void CliServeTest::errors_are_one_line_data() {
  QTest::addColumn<QStringList>("arguments");
  QTest::addColumn<QString>("says");
  QTest::newRow("no model") << QStringList{"serve", "/nowhere"} << "/nowhere";
  QTest::newRow("nothing to serve") << QStringList{"serve"} << "MODEL (or --check) is required";
  QTest::newRow("reachable from outside")
      << QStringList{"serve", kModel, "--listen", "0.0.0.0:8477"} << "a token and TLS";
  QTest::newRow("no address") << QStringList{"serve", kModel, "--listen", "somewhere"} << "expected HOST:PORT";
  QTest::newRow("no token") << QStringList{"serve", kModel, "--token-file", "/nowhere"} << "/nowhere";
  QTest::newRow("a policy for another server")
      << QStringList{"serve", "--check", "127.0.0.1:1", "--exit", "1"} << "--check excludes --exit";
  QTest::newRow("no server") << QStringList{"serve", "--check", "127.0.0.1:1"} << "no server answers at 127.0.0.1:1";
  QTest::newRow("run without a server") << QStringList{"run", "--engine", "127.0.0.1:1", kEpisodes}
                                        << "no server answers at 127.0.0.1:1";
  QTest::newRow("two models") << QStringList{"run", "--engine", "127.0.0.1:1", kModel, kEpisodes}
                              << "either a MODEL or --engine";
  QTest::newRow("no model to run") << QStringList{"run"} << "MODEL (or --engine) is required";
  QTest::newRow("options of the server") << QStringList{"run", "--engine", "127.0.0.1:1", kEpisodes, "--device", "cpu"}
                                         << "options of deer serve";
}

void CliServeTest::errors_are_one_line() {
  QFETCH(QStringList, arguments);
  QFETCH(QString, says);
  const auto result = deer_program(arguments);
  QVERIFY2(result.code == 1 || result.code == 2 || result.code >= 100, qPrintable(QString::number(result.code)));
  QVERIFY2(result.err.contains(says), qPrintable(result.err));
  QVERIFY2(result.err.trimmed().count('\n') <= (result.code == 1 ? 0 : 1), qPrintable(result.err));
}

DEER_SUITE(CliServeTest)

#include "tst_cli_serve.moc"
