// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <set>
#include <thread>

#include "core/exits/intervention.h"
#include "tests/core/serve/served.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using test::served_input;

class RemoteEngineTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void a_remote_rollout_is_a_local_one_data();
  void a_remote_rollout_is_a_local_one();
  void the_summary();
  void a_new_instruction_and_a_reset();
  void attention();
  void interventions();
  void a_lost_server_is_found_again_data();
  void a_lost_server_is_found_again();
  void a_rollout_that_was_closed_is_opened_again();
  void another_model_is_not_taken();
  void a_server_that_stays_away();
  void cancel_leaves_the_rollout();
  void a_deadline_leaves_the_rollout();
  void states_that_do_not_fit();
  void a_bad_policy_leaves_the_old_one();
  void nothing_is_there();

 private:
  test::TemporaryFolder folder_;
};

void RemoteEngineTest::a_remote_rollout_is_a_local_one_data() {
  QTest::addColumn<QString>("address");
  QTest::addColumn<int>("executions");
  QTest::newRow("loopback") << QStringLiteral("127.0.0.1:0") << 1;
  QTest::newRow("IPv4 by name") << QStringLiteral("localhost:0") << 1;
  QTest::newRow("Unix socket") << QStringLiteral("unix:%1").arg(QString::fromStdString(folder_ / "socket")) << 1;
  QTest::newRow("repeated predictions") << QStringLiteral("127.0.0.1:0") << 3;
}

void RemoteEngineTest::a_remote_rollout_is_a_local_one() {
  QFETCH(QString, address);
  QFETCH(int, executions);
  const auto server = test::serve_demo(address.toStdString());
  const auto remote = RemoteEngine::connect(server->address());
  const auto local = Engine::load(test::kServedModel);
  auto policy = local->policy();
  policy.thresholds = {0.02, 0.05, kAlwaysLeave};
  policy.executions = executions;
  QVERIFY(remote->policy() == local->policy());
  remote->set_policy(policy);
  local->set_policy(policy);
  QVERIFY(remote->policy() == policy);
  std::set<int> exits;
  for (const auto mode : {RunMode::policy, RunMode::probe}) {
    for (int i = 0; i < 12; ++i) {
      const auto here = local->step(served_input(i), mode);
      const auto there = remote->step(served_input(i), mode);
      QCOMPARE(test::difference(*here, *there), std::string());
      QCOMPARE(there->has_predecessor(), here->has_predecessor());
      QVERIFY(there->times.total_ms() > 0);
      exits.insert(here->exit_layer);
    }
  }
  QVERIFY2(exits.size() > 1, "the policy always takes the same exit: the comparison shows little");
  QCOMPARE(server->steps(), 24);
}

void RemoteEngineTest::the_summary() {
  ServeOptions options;
  options.fingerprint = "abc";
  const auto server = test::serve_demo("127.0.0.1:0", options);
  const auto remote = RemoteEngine::connect(server->address());
  const auto local = Engine::load(test::kServedModel);
  const auto& there = remote->summary();
  const auto& here = local->summary();
  QCOMPARE(there.name, here.name);
  QCOMPARE(there.note, here.note);
  QCOMPARE(there.family, here.family);
  QCOMPARE(there.exit_layers, here.exit_layers);
  QCOMPARE(there.layers, here.layers);
  QCOMPARE(there.d_model, here.d_model);
  QCOMPARE(there.image_size, here.image_size);
  QCOMPARE(there.parameters, here.parameters);
  QCOMPARE(there.suggested_thresholds, here.suggested_thresholds);
  QCOMPARE(there.dtype, here.dtype);
  QCOMPARE(there.path.string(), server->address());
  QCOMPARE(remote->fingerprint(), std::string("abc"));
  const auto health = remote->health();
  QCOMPARE(health.rollouts, 1);
  QCOMPARE(health.rollouts_most, 64);
  QCOMPARE(health.steps, 0);
}

void RemoteEngineTest::a_new_instruction_and_a_reset() {
  const auto server = test::serve_demo();
  const auto remote = RemoteEngine::connect(server->address());
  QCOMPARE(remote->step(served_input(0), RunMode::policy)->step, 0);
  QCOMPARE(remote->step(served_input(1), RunMode::policy)->step, 1);
  QCOMPARE(remote->step(served_input(2, "close the drawer"), RunMode::policy)->step, 0);
  QCOMPARE(remote->step(served_input(3, "close the drawer"), RunMode::policy)->step, 1);
  remote->reset();
  const auto first = remote->step(served_input(4), RunMode::policy);
  QCOMPARE(first->step, 0);
  const auto local = Engine::load(test::kServedModel);
  QCOMPARE(test::difference(*first, *local->step(served_input(4), RunMode::policy)), std::string());
}

void RemoteEngineTest::attention() {
  const auto server = test::serve_demo();
  const auto remote = RemoteEngine::connect(server->address());
  const auto local = Engine::load(test::kServedModel);
  const auto here = local->attend(served_input(3), 5);
  const auto there = remote->attend(served_input(3), 5);
  QCOMPARE(there.frame, here.frame);
  QCOMPARE(there.exit_layer, 5);
  QCOMPARE(there.cross_layer, here.cross_layer);
  QCOMPARE(there.heads, here.heads);
  QCOMPARE(there.rows, here.rows);
  QCOMPARE(there.columns, here.columns);
  QCOMPARE(there.tokens, here.tokens);
  for (std::size_t i = 0; i < 2; ++i) {
    QCOMPARE(there.views[i].weights, here.views[i].weights);
    QCOMPARE(there.views[i].grid.width, here.views[i].grid.width);
  }
  DEER_VERIFY_ERROR(remote->attend(served_input(3), 77), "77");
}

void RemoteEngineTest::interventions() {
  const auto server = test::serve_demo();
  const auto remote = RemoteEngine::connect(server->address());
  const auto local = Engine::load(test::kServedModel);
  const auto covered = parse_intervention(std::vector<std::string>{"cover=gripper"});
  remote->set_intervention(covered);
  local->set_intervention(covered);
  QCOMPARE(
      test::difference(*local->step(served_input(0), RunMode::probe), *remote->step(served_input(0), RunMode::probe)),
      std::string());
  const auto hidden = parse_intervention(std::vector<std::string>{"hide=static:0-3", "hide=gripper:1:0"});
  remote->set_intervention(hidden);
  local->set_intervention(hidden);
  const auto here = local->step(served_input(1), RunMode::probe);
  QCOMPARE(test::difference(*here, *remote->step(served_input(1), RunMode::probe)), std::string());
  // It ends with the request, and is refused where there is no such layer.
  remote->set_intervention({});
  local->set_intervention({});
  QCOMPARE(
      test::difference(*local->step(served_input(2), RunMode::probe), *remote->step(served_input(2), RunMode::probe)),
      std::string());
  remote->set_intervention(parse_intervention(std::vector<std::string>{"hide=static:77"}));
  DEER_VERIFY_ERROR(remote->step(served_input(3), RunMode::probe), "77");
  DEER_VERIFY_ERROR(remote->replay({}, remote->policy()), "replays no records");
}

void RemoteEngineTest::a_lost_server_is_found_again_data() {
  QTest::addColumn<int>("executions");
  QTest::newRow("every step") << 1;
  QTest::newRow("in the middle of a repeated prediction") << 3;
}

void RemoteEngineTest::a_lost_server_is_found_again() {
  QFETCH(int, executions);
  auto server = test::serve_demo();
  const auto address = server->address();
  const auto remote = RemoteEngine::connect(address);
  const auto local = Engine::load(test::kServedModel);
  auto policy = local->policy();
  policy.executions = executions;
  policy.steps_per_stage = 2;
  remote->set_policy(policy);
  local->set_policy(policy);
  for (int i = 0; i < 15; ++i) {
    if (i % 4 == 1) {
      server.reset();
      // It comes back while the client waits.
      std::jthread restart([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(150));
        server = test::serve_demo(address);
      });
      QCOMPARE(test::difference(*local->step(served_input(i), RunMode::policy),
                                *remote->step(served_input(i), RunMode::policy)),
               std::string());
    } else {
      QCOMPARE(test::difference(*local->step(served_input(i), RunMode::policy),
                                *remote->step(served_input(i), RunMode::policy)),
               std::string());
    }
  }
  QCOMPARE(remote->reconnects(), 4);
  QVERIFY(remote->policy() == policy);
}

void RemoteEngineTest::a_rollout_that_was_closed_is_opened_again() {
  ServeOptions options;
  options.rollouts = 1;
  options.idle = std::chrono::seconds(0);
  const auto server = test::serve_demo("127.0.0.1:0", options);
  const auto local = Engine::load(test::kServedModel);
  const auto first = RemoteEngine::connect(server->address());
  const auto here = [&](int i) { return local->step(served_input(i), RunMode::policy); };
  QCOMPARE(test::difference(*here(0), *first->step(served_input(0), RunMode::policy)), std::string());
  const auto second = RemoteEngine::connect(server->address());  // in the first one's place
  QCOMPARE(test::difference(*here(1), *first->step(served_input(1), RunMode::policy)), std::string());
  QCOMPARE(first->reconnects(), 1);
}

void RemoteEngineTest::another_model_is_not_taken() {
  ServeOptions options;
  options.fingerprint = "first";
  auto server = test::serve_demo("127.0.0.1:0", options);
  const auto address = server->address();
  const auto remote = RemoteEngine::connect(address);
  remote->step(served_input(0), RunMode::policy);
  server.reset();
  options.fingerprint = "second";
  server = test::serve_demo(address, options);
  DEER_VERIFY_ERROR(remote->step(served_input(1), RunMode::policy), "another model");
}

void RemoteEngineTest::a_server_that_stays_away() {
  auto server = test::serve_demo();
  RemoteOptions options;
  options.reconnect = std::chrono::milliseconds(300);
  const auto remote = RemoteEngine::connect(server->address(), options);
  options.reconnect = {};
  const auto never = RemoteEngine::connect(server->address(), options);
  server.reset();
  DEER_VERIFY_ERROR(remote->step(served_input(0), RunMode::policy), "did not come back");
  DEER_VERIFY_ERROR(never->step(served_input(0), RunMode::policy), "no server answers");
  std::stop_source stop;
  stop.request_stop();
  QVERIFY_THROWS_EXCEPTION(Cancelled, remote->step(served_input(0), RunMode::policy, stop.get_token()));
}

void RemoteEngineTest::cancel_leaves_the_rollout() {
  const auto gate = std::make_shared<test::Gate>();
  const auto server = test::serve_slowly(gate);
  const auto remote = RemoteEngine::connect(server->address());
  std::stop_source stop;
  std::jthread canceller([&] {
    while (gate->begun == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    stop.request_stop();
  });
  QVERIFY_THROWS_EXCEPTION(Cancelled, remote->step(served_input(9), RunMode::policy, stop.get_token()));
  // The server's step ends too, and the rollout continues as if it had never begun.
  QTRY_COMPARE(gate->cancelled.load(), 1);
  gate->let_go();
  const auto local = Engine::load(test::kServedModel);
  for (int i = 0; i < 3; ++i) {
    QCOMPARE(test::difference(*local->step(served_input(i), RunMode::policy),
                              *remote->step(served_input(i), RunMode::policy)),
             std::string());
  }
  QCOMPARE(remote->health().rollouts, 1);
}

void RemoteEngineTest::a_deadline_leaves_the_rollout() {
  const auto gate = std::make_shared<test::Gate>();
  const auto server = test::serve_slowly(gate);
  RemoteOptions options;
  options.deadline = std::chrono::milliseconds(2000);  // opening must fit into it, also on a busy machine
  const auto remote = RemoteEngine::connect(server->address(), options);
  DEER_VERIFY_ERROR(remote->step(served_input(9), RunMode::policy), "did not answer in time");
  QTRY_COMPARE(gate->cancelled.load(), 1);
  gate->let_go();
  const auto patient = RemoteEngine::connect(server->address());
  patient->restore(remote->state());
  const auto local = Engine::load(test::kServedModel);
  QCOMPARE(test::difference(*local->step(served_input(0), RunMode::policy),
                            *patient->step(served_input(0), RunMode::policy)),
           std::string());
}

void RemoteEngineTest::states_that_do_not_fit() {
  const auto server = test::serve_demo();
  const auto remote = RemoteEngine::connect(server->address());
  const auto local = Engine::load(test::kServedModel);
  for (int i = 0; i < 3; ++i) {
    remote->step(served_input(i), RunMode::policy);
    local->step(served_input(i), RunMode::policy);
  }
  const auto good = local->state();
  QCOMPARE(remote->state().h, good.h);
  QCOMPARE(remote->state().steps, 3);
  QVERIFY(good.state_layers > 0 && !good.h.empty() && good.instruction == "open the drawer");
  auto bad = good;
  bad.h.pop_back();
  DEER_VERIFY_ERROR(remote->restore(bad), "numbers");
  DEER_VERIFY_ERROR(local->restore(bad), "numbers");
  bad = good;
  bad.c[0] = std::nanf("");
  DEER_VERIFY_ERROR(local->restore(bad), "not numbers");
  bad = good;
  bad.held_layer = 6;
  DEER_VERIFY_ERROR(local->restore(bad), "layer");
  bad = good;
  bad.steps = -1;
  DEER_VERIFY_ERROR(remote->restore(bad), "steps");
  QCOMPARE(
      test::difference(*local->step(served_input(3), RunMode::policy), *remote->step(served_input(3), RunMode::policy)),
      std::string());
  // From an earlier state on, elsewhere.
  const auto other = remote->another();
  other->restore(good);
  local->restore(good);
  QCOMPARE(
      test::difference(*local->step(served_input(4), RunMode::policy), *other->step(served_input(4), RunMode::policy)),
      std::string());
}

void RemoteEngineTest::a_bad_policy_leaves_the_old_one() {
  const auto server = test::serve_demo();
  const auto remote = RemoteEngine::connect(server->address());
  const auto before = remote->policy();
  auto bad = before;
  bad.thresholds = {0.1};
  DEER_VERIFY_ERROR(remote->set_policy(bad), "threshold");
  bad = before;
  bad.criterion = Criterion::learned_gate;
  bad.gate.path = "/etc/passwd";
  DEER_VERIFY_ERROR(remote->set_policy(bad), "fingerprint");
  QVERIFY(remote->policy() == before);
  QCOMPARE(remote->step(served_input(0), RunMode::policy)->step, 0);
}

void RemoteEngineTest::nothing_is_there() {
  DEER_VERIFY_ERROR(RemoteEngine::connect("127.0.0.1:1"), "no server answers at 127.0.0.1:1");
  DEER_VERIFY_ERROR(RemoteEngine::connect("unix:" + (folder_ / "none").string()), "no server answers");
  DEER_VERIFY_ERROR(RemoteEngine::connect("nonsense"), "expected HOST:PORT");
}

DEER_SUITE(RemoteEngineTest)

#include "tst_remote_engine.moc"
