// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/exits/gate_file.h"
#include "core/model/model_fingerprint.h"
#include "core/serve/connected_engine.h"
#include "tests/core/serve/served.h"
#include "tests/support/make_gate.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

namespace fs = std::filesystem;
using namespace deer;
using test::served_input;

namespace {

const std::string kFingerprint(40, 'a');

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace

class ConnectedEngineTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void replays_are_those_of_the_whole_model_data();
  void replays_are_those_of_the_whole_model();
  void a_gate_comes_along();
  void a_run_over_the_wire();
  void the_connection_is_reported();
  void nothing_waits_for_an_absent_server();
  void servers_without_heads();

 private:
  test::TemporaryFolder folder_;
};

void ConnectedEngineTest::replays_are_those_of_the_whole_model_data() {
  QTest::addColumn<int>("which");
  const char* names[] = {"thresholds", "feature similarity", "fixed exit", "own heads", "repeated and held", "forced"};
  for (int i = 0; i < 6; ++i) QTest::newRow(names[i]) << i;
}

void ConnectedEngineTest::replays_are_those_of_the_whole_model() {
  QFETCH(int, which);
  ServeOptions options;
  options.fingerprint = kFingerprint;
  options.head = test::kServedModel;
  const auto server = test::serve_demo("127.0.0.1:0", options);
  const auto connected = connect_engine(server->address(), {}, folder_ / "cache");
  const auto local = Engine::load(test::kServedModel);
  auto policy = local->policy();
  policy.thresholds = {0.02, 0.05, kAlwaysLeave};
  if (which == 1) policy.criterion = Criterion::feature_similarity;
  if (which == 2) {
    policy.criterion = Criterion::fixed_exit;
    policy.fixed_layer = local->summary().exit_layers[1];
  }
  if (which == 3) {
    policy.criterion = Criterion::fixed_exit;
    policy.use_own_head = true;
  }
  if (which == 4) policy.executions = 2, policy.steps_per_stage = 2;
  if (which == 5) policy.forced_layers[3] = local->summary().exit_layers[0];
  std::vector<FrameRecordPtr> here;
  std::vector<FrameRecordPtr> there;
  for (int i = 0; i < 8; ++i) {
    here.push_back(local->step(served_input(i), RunMode::probe));
    there.push_back(connected->step(served_input(i), RunMode::probe));
    QCOMPARE(test::difference(*here.back(), *there.back()), std::string());
  }
  const auto expected = local->replay(here, policy);
  const auto found = connected->replay(there, policy);
  QCOMPARE(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    QCOMPARE(test::difference(*expected[i], *found[i]), std::string());
    QVERIFY(std::ranges::equal(found[i]->action, expected[i]->action));  // to the last bit
    QVERIFY(std::ranges::equal(found[i]->command, expected[i]->command));
  }
  const std::vector policies = {policy, local->policy()};
  int compared = 0;
  std::vector<std::vector<int>> exits(2);
  local->replay_many(ReplayFrames::of(here), policies,
                     [&](std::size_t p, std::int64_t, FrameRecordPtr r) { exits[p].push_back(r->exit_layer); });
  connected->replay_many(ReplayFrames::of(there), policies, [&](std::size_t p, std::int64_t frame, FrameRecordPtr r) {
    compared += r->exit_layer == exits[p].at(static_cast<std::size_t>(frame));
  });
  QCOMPARE(compared, 16);
}

void ConnectedEngineTest::a_gate_comes_along() {
  // A model of which the gate says that it was trained for it.
  const auto model = folder_ / "gated";
  fs::create_directories(model);
  for (const auto* name : {"config.json", "model.safetensors", "tokenizer.json"}) {
    fs::copy_file(test::kServedModel / name, model / name);
  }
  const auto plain = Engine::load(model);
  const auto& summary = plain->summary();
  plain->step(served_input(0), RunMode::policy);
  const auto weights =
      test::made_gate_weights(summary.exit_layers, static_cast<std::size_t>(summary.d_model), plain->state().h.size());
  write_gate(model / kGateFile, LearnedGate(weights, {{"model_hash", model_fingerprint(model)}}));
  folder_.write("gated/calibration.safetensors", "not a set, but sent with the others");
  ServeOptions options;
  options.address = "127.0.0.1:0";
  options.fingerprint = model_fingerprint(model);
  options.head = model;
  const EngineServer server([&] { return Engine::load(model); }, options);
  const auto local = Engine::load(model);
  const auto connected = connect_engine(server.address(), {}, folder_ / "cache");
  QCOMPARE(bytes_of(connected->summary().path / kCalibrationFile), bytes_of(model / kCalibrationFile));
  QVERIFY(!local->summary().gate.fingerprint.empty());
  QCOMPARE(connected->summary().gate.fingerprint, local->summary().gate.fingerprint);
  auto policy = local->policy();
  policy.criterion = Criterion::learned_gate;
  policy.thresholds = {0.5, 0.5, kAlwaysLeave};
  local->set_policy(policy);
  connected->set_policy(policy);
  std::vector<FrameRecordPtr> records;
  for (int i = 0; i < 4; ++i) {
    const auto here = local->step(served_input(i), RunMode::probe);
    records.push_back(connected->step(served_input(i), RunMode::probe));
    QCOMPARE(test::difference(*here, *records.back()), std::string());
  }
  policy.thresholds = {0.1, 0.2, kAlwaysLeave};
  const auto expected = local->replay(records, policy);
  const auto found = connected->replay(records, policy);
  for (std::size_t i = 0; i < found.size(); ++i) {
    QCOMPARE(test::difference(*expected[i], *found[i]), std::string());
  }
}

void ConnectedEngineTest::a_run_over_the_wire() {
  ServeOptions options;
  options.head = test::kServedModel;
  const auto server = test::serve_demo("127.0.0.1:0", options);
  const auto connected = connect_engine(server->address(), {}, folder_ / "cache");
  const auto local = Engine::load(test::kServedModel);
  // Changes of the policy, resets and another rollout reach the server with the next step.
  for (const double threshold : {0.01, 0.05, 1.0}) {
    auto policy = local->policy();
    policy.thresholds = {threshold, threshold, kAlwaysLeave};
    connected->set_policy(policy);
    local->set_policy(policy);
    connected->reset();
    local->reset();
    for (int i = 0; i < 3; ++i) {
      QCOMPARE(test::difference(*local->step(served_input(i), RunMode::policy),
                                *connected->step(served_input(i), RunMode::policy)),
               std::string());
    }
  }
  const auto other = connected->another();
  const auto other_here = local->another();
  QVERIFY(other->policy() == connected->policy());
  QCOMPARE(test::difference(*other_here->step(served_input(7), RunMode::policy),
                            *other->step(served_input(7), RunMode::policy)),
           std::string());
  other->restore(connected->state());
  other_here->restore(local->state());
  QCOMPARE(test::difference(*other_here->step(served_input(8), RunMode::policy),
                            *other->step(served_input(8), RunMode::policy)),
           std::string());
  QCOMPARE(connected->attend(served_input(2), 5).views[0].weights, local->attend(served_input(2), 5).views[0].weights);
  auto bad = connected->policy();
  bad.thresholds = {0.1};
  DEER_VERIFY_ERROR(connected->set_policy(bad), "threshold");
}

void ConnectedEngineTest::the_connection_is_reported() {
  ServeOptions serve;
  serve.head = test::kServedModel;
  serve.rollouts = 1;
  serve.idle = std::chrono::seconds(0);
  auto server = test::serve_demo("127.0.0.1:0", serve);
  const auto address = server->address();
  std::mutex mutex;
  std::vector<ConnectionChange> told;
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return told.size();
  };
  RemoteOptions options;
  options.reconnect = std::chrono::seconds(20);
  options.on_connection = [&](ConnectionChange change) {
    const std::lock_guard lock(mutex);
    told.push_back(change);
  };
  const auto connected = connect_engine(address, options, folder_ / "cache");
  const auto local = Engine::load(test::kServedModel);
  const auto next = [&](int i) {
    return test::difference(*local->step(served_input(i), RunMode::policy),
                            *connected->step(served_input(i), RunMode::policy));
  };
  QCOMPARE(next(0), std::string());
  {
    const auto other = RemoteEngine::connect(address);  // takes the only rollout
  }
  QCOMPARE(next(1), std::string());
  QVERIFY(told.empty());  // opened again, but the server was there
  server.reset();
  std::jthread restart([&] {
    while (count() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    server = test::serve_demo(address, serve);
  });
  QCOMPARE(next(2), std::string());
  restart.join();
  QVERIFY(told == (std::vector{ConnectionChange::lost, ConnectionChange::found}));
  QCOMPARE(next(3), std::string());
  server.reset();
  std::stop_source stop;
  std::jthread canceller([&] {
    while (count() < 3) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    stop.request_stop();
  });
  QVERIFY_THROWS_EXCEPTION(Cancelled, connected->step(served_input(4), RunMode::policy, stop.get_token()));
  QVERIFY(told.size() == 4 && told.back() == ConnectionChange::given_up);
}

void ConnectedEngineTest::nothing_waits_for_an_absent_server() {
  ServeOptions serve;
  serve.head = test::kServedModel;
  auto server = test::serve_demo("127.0.0.1:0", serve);
  RemoteOptions options;
  options.reconnect = std::chrono::hours(1);
  const auto connected = connect_engine(server->address(), options, folder_ / "cache");
  std::vector<FrameRecordPtr> records;
  for (int i = 0; i < 3; ++i) records.push_back(connected->step(served_input(i), RunMode::probe));
  server.reset();
  auto policy = connected->policy();
  policy.thresholds = {kAlwaysLeave, kAlwaysLeave, kAlwaysLeave};
  connected->set_policy(policy);
  connected->reset();
  QCOMPARE(connected->replay(records, policy).back()->exit_index, 0);
  std::stop_source stop;
  std::jthread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request_stop();
  });
  QVERIFY_THROWS_EXCEPTION(Cancelled, connected->step(served_input(0), RunMode::policy, stop.get_token()));
}

void ConnectedEngineTest::servers_without_heads() {
  const auto server = test::serve_demo();
  DEER_VERIFY_ERROR(connect_engine(server->address(), {}, folder_ / "none"), "sends no action heads");
  DEER_VERIFY_ERROR(connect_engine("127.0.0.1:1", {}, folder_ / "none"), "no server answers at 127.0.0.1:1");
  QVERIFY(!fs::exists(folder_ / "none"));
}

DEER_SUITE(ConnectedEngineTest)

#include "tst_connected_engine.moc"
