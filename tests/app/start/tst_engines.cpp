// SPDX-License-Identifier: GPL-3.0-or-later
#include <QComboBox>
#include <QFile>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPushButton>
#include <QTemporaryDir>
#include <QTest>
#include <cmath>

#include "app/gui/bars/message_bar.h"
#include "app/gui/bars/toast.h"
#include "app/gui/dialogs/connect_engine_dialog.h"
#include "app/gui/launch.h"
#include "app/gui/parts/engine_part.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/open_files.h"
#include "app/gui/window/session_restore.h"
#include "core/exits/intervention.h"
#include "sessions/base/engine_paths.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/session/model_queries.h"
#include "sessions/study/dataset_study.h"
#include "sessions/traces/trace_episodes.h"
#include "tests/app/start/connecting_window.h"
#include "tests/app/window/window_fixture.h"
#include "tests/support/log_guard.h"
#include "tests/support/suite.h"

namespace deer::test {
namespace {

/// The same run with the model here.
struct LocalRun {
  bool run() {
    session.open_model(kServed);
    session.open_source(kData);
    session.run_episode();
    return wait();
  }
  bool wait() {
    return QTest::qWaitFor(
        [this] {
          return session.activity() == Session::Activity::idle && session.frame_count() > 0 &&
                 session.evaluated_count() == session.frame_count() && session.records_current();
        },
        kPatienceMs);
  }

  Session session{EngineFactory(&Engine::load), SourceOpener(&open_recording)};
};

/// Empty if both sessions show the same exits, and actions and deltas within 1e-6.
QString difference(const Session& a, const Session& b) {
  if (a.frame_count() != b.frame_count()) return QStringLiteral("frames");
  for (qint64 frame = 0; frame < a.frame_count(); ++frame) {
    const auto here = a.record(frame);
    const auto there = b.record(frame);
    const auto what = [frame](const char* field) { return QStringLiteral("frame %1: %2").arg(frame).arg(field); };
    if (!here || !there) return what("no record");
    if (here->exit_index != there->exit_index || here->reason != there->reason) return what("exit");
    if (here->exits.size() != there->exits.size()) return what("number of exits");
    const auto same = [](const ActionValues& x, const ActionValues& y) {
      if (x.size() != y.size()) return false;
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (!(std::abs(x[i] - y[i]) <= 1e-6F)) return false;
      }
      return true;
    };
    if (!same(here->action, there->action) || !same(here->command, there->command)) return what("action");
    for (std::size_t i = 0; i < here->exits.size(); ++i) {
      const auto& x = here->exits[i];
      const auto& y = there->exits[i];
      if (!same(x.action, y.action)) return what("an exit's action");
      if (std::isnan(x.delta) != std::isnan(y.delta) || std::abs(x.delta - y.delta) > 1e-6F) return what("delta");
    }
  }
  return {};
}

ExitPolicy other_policy(const Session& session) {
  auto out = session.policy();
  out.thresholds.assign(session.model()->exit_layers.size(), 0.03);
  out.thresholds.back() = kAlwaysLeave;
  return out;
}

QString fact(QWidget* dialog, const char* name) {
  const auto* const label = control<QLabel>(dialog, QString::fromLatin1(name));
  return label ? label->text() : QString();
}

}  // namespace

class EnginesTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void init() { guard_ = std::make_unique<LogGuard>(); }
  void cleanup() { QCOMPARE(guard_->unexpected(), QStringList()); }

  void a_run_is_that_of_the_model_here();
  void other_policies_need_no_server();
  void a_restarted_server_is_found_again();
  void cancel_does_not_wait_for_a_lost_server();
  void a_wrong_token_is_said();
  void a_server_with_tls();
  void the_dialog_checks();
  void addresses_are_remembered_and_tokens_are_not();
  void a_model_elsewhere_is_opened_again();
  void what_needs_the_weights_says_so();
  void another_model_behind_the_address_is_another_run();
  void the_command_line();

 private:
  QString token_file(const QTemporaryDir& folder, const QByteArray& token) const;

  std::unique_ptr<LogGuard> guard_;
};

QString EnginesTest::token_file(const QTemporaryDir& folder, const QByteArray& token) const {
  QFile file(folder.filePath(QStringLiteral("token")));
  if (!file.open(QIODevice::WriteOnly) || file.write(token + "\n") < 0) return {};
  file.setPermissions(QFileDevice::ReadOwner | QFileDevice::WriteOwner);
  return file.fileName();
}

void EnginesTest::a_run_is_that_of_the_model_here() {
  const Served served;
  ConnectingWindow w;
  QVERIFY(w.shown);
  QVERIFY(w.connect_to({served.address(), {}, {}}));
  QVERIFY(w.open_data());
  w.session.run_episode();
  QVERIFY(w.wait_for_run());
  QCOMPARE(w.window.messages()->count(), std::size_t(0));
  LocalRun local;
  QVERIFY(local.run());
  QCOMPARE(difference(local.session, w.session), QString());
  QCOMPARE(served.server->steps(), w.session.frame_count());
  QVERIFY(QString::fromStdString(w.session.model()->device).endsWith(QStringLiteral(" at ") + served.address()));
  // Where an exit looked is asked there.
  AttentionMapPtr map;
  connect(w.session.queries(), &ModelQueries::attended, this, [&](const AttentionMapPtr& found) { map = found; });
  QVERIFY(QTest::qWaitFor([&] { return w.session.frames()->observation(0) != nullptr; }, kPatienceMs));
  const auto picture = w.session.frames()->observation(0);
  w.session.queries()->attend({0, picture->rgb_static, picture->rgb_gripper, picture->instruction},
                              w.session.model()->exit_layers.back());
  QVERIFY(QTest::qWaitFor([&] { return map != nullptr; }, kPatienceMs));
  const auto here = Engine::load(kServed)->attend({0, picture->rgb_static, picture->rgb_gripper, picture->instruction},
                                                  w.session.model()->exit_layers.back());
  QVERIFY(map->views[0].weights == here.views[0].weights);
}

void EnginesTest::other_policies_need_no_server() {
  Served served;
  ConnectingWindow w;
  QVERIFY(w.connect_to({served.address(), {}, {}}) && w.open_data());
  w.session.run_episode();
  QVERIFY(w.wait_for_run());
  LocalRun local;
  QVERIFY(local.run());
  const auto policy = other_policy(local.session);
  served.server.reset();
  w.session.set_policy(policy);
  local.session.set_policy(policy);
  QVERIFY(local.wait());
  QVERIFY(QTest::qWaitFor([&] { return w.session.records_current() && w.idle(); }, kPatienceMs));
  QCOMPARE(difference(local.session, w.session), QString());
  // Forced exits too.
  auto forced = policy;
  forced.forced_layers[1] = local.session.model()->exit_layers.back();
  w.session.set_policy(forced);
  local.session.set_policy(forced);
  QVERIFY(local.wait());
  QVERIFY(QTest::qWaitFor([&] { return w.session.records_current() && w.idle(); }, kPatienceMs));
  QCOMPARE(w.session.record(1)->reason, ExitReason::forced);
  QCOMPARE(difference(local.session, w.session), QString());
  QCOMPARE(w.window.messages()->count(), std::size_t(0));
}

void EnginesTest::a_restarted_server_is_found_again() {
  auto served = std::make_unique<Served>();
  const auto address = served->address();
  ConnectingWindow w;
  QVERIFY(w.connect_to({address, {}, {}}) && w.open_data());
  constexpr int kBefore = 3;
  QVERIFY(w.session.frame_count() > kBefore + 1);
  served->brake->allow(kBefore);
  w.session.run_episode();
  // The next step is under way when the server goes.
  QVERIFY(
      QTest::qWaitFor([&] { return served->server->steps() == kBefore && served->brake->waiting > 0; }, kPatienceMs));
  served.reset();
  auto* const messages = w.window.messages();
  QVERIFY(QTest::qWaitFor([&] { return messages->count() == 1; }, kPatienceMs));
  QCOMPARE(messages->title(), QStringLiteral("Connection to %1 lost; trying again…").arg(address));
  QCOMPARE(messages->level(), MessageBar::Level::warning);
  QCOMPARE(w.session.activity(), Session::Activity::running);
  served = std::make_unique<Served>(address.toStdString());
  QVERIFY(w.wait_for_run());
  QCOMPARE(messages->count(), std::size_t(0));
  QCOMPARE(messages->toast()->title(), QStringLiteral("Connected again."));
  LocalRun local;
  QVERIFY(local.run());
  QCOMPARE(difference(local.session, w.session), QString());
  QCOMPARE(served->server->steps(), w.session.frame_count() - kBefore);
}

void EnginesTest::cancel_does_not_wait_for_a_lost_server() {
  auto served = std::make_unique<Served>();
  const auto address = served->address();
  ConnectingWindow w;
  QVERIFY(w.connect_to({address, {}, {}}) && w.open_data());
  served->brake->allow(2);
  w.session.run_episode();
  QVERIFY(QTest::qWaitFor([&] { return served->server->steps() == 2 && served->brake->waiting > 0; }, kPatienceMs));
  served.reset();
  auto* const messages = w.window.messages();
  QVERIFY(QTest::qWaitFor([&] { return messages->count() == 1; }, kPatienceMs));
  w.session.cancel();
  QVERIFY(w.idle());
  QVERIFY(QTest::qWaitFor([&] { return messages->count() == 0; }, kPatienceMs));
  QTRY_COMPARE_WITH_TIMEOUT(w.session.evaluated_count(), 2, kPatienceMs);
  // It resumes where it was.
  served = std::make_unique<Served>(address.toStdString());
  w.session.run_episode();
  QVERIFY(w.wait_for_run());
  LocalRun local;
  QVERIFY(local.run());
  QCOMPARE(difference(local.session, w.session), QString());
}

void EnginesTest::a_wrong_token_is_said() {
  const Served served("127.0.0.1:0", "right");
  ConnectingWindow w;
  const auto file = token_file(w.folder, "wrong");
  QVERIFY(!w.connect_to({served.address(), file, {}}));
  auto* const messages = w.window.messages();
  QCOMPARE(messages->count(), std::size_t(1));
  QCOMPARE(messages->title(), QStringLiteral("Cannot open the model"));
  QVERIFY2(messages->details().contains("token"), qPrintable(messages->details()));
  QVERIFY(token_file(w.folder, "right") == file);
  QVERIFY(w.connect_to({served.address(), file, {}}));
  QCOMPARE(messages->count(), std::size_t(0));
  // A file that others may read is no token's.
  QFile(file).setPermissions(QFileDevice::ReadOwner | QFileDevice::ReadOther);
  w.part->open({served.address(), file, {}});
  QVERIFY(QTest::qWaitFor([&] { return messages->count() == 1; }, kPatienceMs));
  QVERIFY2(messages->details().contains(file), qPrintable(messages->details()));
}

void EnginesTest::a_server_with_tls() {
  ServeOptions options;
  options.address = "127.0.0.1:0";
  options.token = "right";
  options.tls_certificate = DEER_TEST_DATA "/serve/certificate.pem";
  options.tls_key = DEER_TEST_DATA "/serve/key.pem";
  const Served served(options);
  ConnectingWindow w;
  const auto token = token_file(w.folder, "right");
  auto* const messages = w.window.messages();
  QVERIFY(!w.connect_to({served.address(), token, {}}));
  QCOMPARE(messages->count(), std::size_t(1));
  QVERIFY2(messages->details().contains("--tls-ca"), qPrintable(messages->details()));
  QVERIFY(!w.connect_to({served.address(), token, w.folder.filePath("none.pem")}));
  QVERIFY2(messages->details().contains("none.pem"), qPrintable(messages->details()));
  QVERIFY(w.connect_to({served.address(), token, DEER_TEST_DATA "/serve/certificate.pem"}) && w.open_data());
  QCOMPARE(messages->count(), std::size_t(0));
  w.session.run_episode();
  QVERIFY(w.wait_for_run());
  LocalRun local;
  QVERIFY(local.run());
  QCOMPARE(difference(local.session, w.session), QString());
}

void EnginesTest::the_dialog_checks() {
  const Served served("127.0.0.1:0", "right");
  ConnectingWindow w;
  const auto file = token_file(w.folder, "right");
  QVERIFY(w.window.commands()->trigger("model.connect"));
  auto* const dialog = w.window.findChild<ConnectEngineDialog*>();
  QVERIFY(dialog && QTest::qWaitForWindowExposed(dialog));
  auto* const address = control<QComboBox>(dialog, "Address");
  auto* const ask = control<QPushButton>(dialog, "Check");
  auto* const go = control<QPushButton>(dialog, "Connect");
  QVERIFY(address && ask && go);
  QVERIFY(!ask->isEnabled() && !go->isEnabled());
  const auto answer = [&] {
    QTest::mouseClick(ask, Qt::LeftButton);
    return QTest::qWaitFor([&] { return ask->isEnabled(); }, kPatienceMs);
  };
  address->setEditText("127.0.0.1:1");
  QVERIFY(answer());
  QVERIFY2(fact(dialog, "State of the connection").contains("no server answers at 127.0.0.1:1"),
           qPrintable(fact(dialog, "State of the connection")));
  QCOMPARE(fact(dialog, "Model"), QStringLiteral("–"));
  address->setEditText("gpu server");
  QVERIFY(answer());
  QVERIFY(fact(dialog, "State of the connection").contains("expected HOST:PORT"));
  address->setEditText(served.address());
  QVERIFY(answer());
  QVERIFY(fact(dialog, "State of the connection").contains("token"));
  control<QLineEdit>(dialog, "Token file")->setText(file);
  QVERIFY(answer());
  QVERIFY2(fact(dialog, "State of the connection").contains("The server answers"),
           qPrintable(fact(dialog, "State of the connection")));
  const auto& model = served.server->summary();
  QVERIFY(fact(dialog, "Model").startsWith(QString::fromStdString(model.name)));
  QVERIFY(fact(dialog, "Exits").startsWith(QString::number(model.exit_layers.size())));
  QVERIFY(fact(dialog, "Device").contains("cpu"));
  QCOMPARE(fact(dialog, "Fingerprint"), kFingerprint);
  // What was found is of what was asked.
  address->setEditText(served.address() + "0");
  QCOMPARE(fact(dialog, "Fingerprint"), QStringLiteral("–"));
  address->setEditText(served.address());
  QTest::mouseClick(go, Qt::LeftButton);
  QVERIFY(QTest::qWaitFor([&] { return w.session.model() != nullptr; }, kPatienceMs));
  QCOMPARE(w.session.model()->name, model.name);
}

void EnginesTest::addresses_are_remembered_and_tokens_are_not() {
  QTemporaryDir folder;
  const EngineMemory memory(folder.filePath("settings").toStdString());
  QVERIFY(memory.load().empty());
  const auto token = token_file(folder, "open sesame");
  {
    Engines engines(folder.filePath("settings").toStdString(), folder.filePath("cache").toStdString(), true);
    for (int i = 0; i < 12; ++i) engines.add({QStringLiteral("gpu-%1:8477").arg(i), token, "ca.pem"});
    engines.add({"gpu-5:8477", token, {}});
    QCOMPARE(engines.recent().size(), EngineMemory::kMost);
    QCOMPARE(engines.recent().front(), (EngineAddress{"gpu-5:8477", token, {}}));
    QTRY_COMPARE_WITH_TIMEOUT(memory.load().size(), EngineMemory::kMost, kPatienceMs);
    QTRY_VERIFY_WITH_TIMEOUT(memory.load() == engines.recent(), kPatienceMs);
  }
  QFile file(folder.filePath("settings/engines.json"));
  QVERIFY(file.open(QIODevice::ReadOnly));
  const auto text = file.readAll();
  QVERIFY(text.contains("gpu-5:8477") && !text.contains("sesame"));
  file.close();
  Engines again(folder.filePath("settings").toStdString(), folder.filePath("cache").toStdString(), true);
  QCOMPARE(again.recent().size(), EngineMemory::kMost);
  for (const auto* const broken : {"{", "[]", "{\"version\": 2}", "{\"version\": 1, \"engines\": [3]}"}) {
    QVERIFY(file.open(QIODevice::WriteOnly));
    file.write(broken);
    file.close();
    QVERIFY(memory.load().empty());
  }
}

void EnginesTest::a_model_elsewhere_is_opened_again() {
  const Served served;
  ConnectingWindow w;
  w.window.restore_layout();
  QVERIFY(w.connect_to({served.address(), {}, {}}));
  const auto path = engine_path(served.address());
  QCOMPARE(w.window.restore()->saved().recent_models, QStringList{to_qstring(path)});
  // From the list of recent models, which shows the address.
  const auto before = w.session.model()->path;
  w.window.files()->open_paths({to_qstring(path)});
  QCOMPARE(w.session.activity(), Session::Activity::loading_model);
  QVERIFY2(w.session.progress().text.contains(served.address()), qPrintable(w.session.progress().text));
  QVERIFY(QTest::qWaitFor([&] { return w.idle(); }, kPatienceMs));
  QCOMPARE(w.session.model()->path, before);
  for (auto* const menu : w.window.findChildren<QMenu*>()) Q_EMIT menu->aboutToShow();
  QStringList texts;
  for (const auto* const action : w.window.findChildren<QAction*>()) texts << action->text();
  QVERIFY(texts.contains(QStringLiteral("Engine at %1").arg(served.address())));
  w.window.close();
  QCOMPARE(w.window.restore()->saved().model, path);
}

void EnginesTest::what_needs_the_weights_says_so() {
  const Served served;
  ConnectingWindow w;
  QVERIFY(w.connect_to({served.address(), {}, {}}) && w.open_data());
  const DatasetStudy study(&w.session, w.path("study"));
  QVERIFY2(study.obstacle().contains("another computer"), qPrintable(study.obstacle()));
  w.session.run_episode();
  QVERIFY(w.wait_for_run());
  // Interventions run there.
  QString reason;
  IntervenedFrames frames;
  connect(w.session.queries(), &ModelQueries::intervention_failed, this, [&](const QString& text) { reason = text; });
  connect(w.session.queries(), &ModelQueries::intervened, this, [&](const IntervenedFrames& found) { frames = found; });
  w.session.queries()->intervene(parse_intervention(std::vector<std::string>{"cover=gripper"}), 0, 1);
  QVERIFY(QTest::qWaitFor([&] { return frames != nullptr; }, kPatienceMs));
  QCOMPARE(frames->size(), std::size_t(2));
  frames.reset();
  w.session.queries()->intervene(parse_intervention(std::vector<std::string>{"hide=static:0-1"}), 0, 1);
  QVERIFY(QTest::qWaitFor([&] { return frames != nullptr; }, kPatienceMs));
  QVERIFY(!(frames->front().before->exits.back().delta == frames->front().after->exits.back().delta));
  QCOMPARE(reason, QString());
}

void EnginesTest::another_model_behind_the_address_is_another_run() {
  auto served = std::make_unique<Served>();
  const auto address = served->address();
  ConnectingWindow w;
  QVERIFY(w.connect_to({address, {}, {}}) && w.open_data());
  w.session.run_episode();
  QVERIFY(w.wait_for_run());
  // The same model again brings its run back; with another fingerprint it is another model.
  QVERIFY(w.connect_to({address, {}, {}}) && w.open_data());
  QVERIFY(QTest::qWaitFor([&] { return w.session.evaluated_count() == w.session.frame_count(); }, kPatienceMs));
  served.reset();
  ServeOptions options;
  options.address = address.toStdString();
  options.fingerprint = std::string(40, 'd');
  options.head = kServed;
  const EngineServer other([] { return Engine::load(kServed); }, options);
  QVERIFY(w.connect_to({address, {}, {}}) && w.open_data());
  QTest::qWait(100);
  QCOMPARE(w.session.evaluated_count(), 0);
}

void EnginesTest::the_command_line() {
  const auto parsed = parse_launch({"deerscope", "--engine", "gpu-server:8477", "--token-file", "t", "--tls-ca", "c"});
  QVERIFY(!parsed.end_with);
  QCOMPARE(parsed.options.engine, (EngineAddress{"gpu-server:8477", "t", "c"}));
  QVERIFY(parsed.options.asks_for_something() && parsed.options.asks_for_model());
  QVERIFY(parse_launch({"deerscope", "--engine", ""}).message.contains("--engine needs an address"));
  QVERIFY(parse_launch({"deerscope", "--token-file", "t"}).message.contains("--token-file needs --engine"));
  QVERIFY(parse_launch({"deerscope", "--tls-ca", "t"}).message.contains("--tls-ca needs --engine"));
  QVERIFY(parse_launch({"deerscope", "--engine", "a:1", "--model", "m"}).message.contains("exclude each other"));
  const Served served;
  ConnectingWindow w;
  LaunchOptions options;
  options.engine.address = served.address();
  options.episode = QString::fromStdString(kData);
  options.run = true;
  open_launched(options, &w.window);
  QVERIFY(QTest::qWaitFor([&] { return w.session.frame_count() > 0; }, kPatienceMs));
  QVERIFY(w.wait_for_run());
}

}  // namespace deer::test

DEER_SUITE(deer::test::EnginesTest)

#include "tst_engines.moc"
