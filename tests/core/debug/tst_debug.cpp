// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <cmath>
#include <limits>

#include "core/debug/expression.h"
#include "core/debug/frame_event.h"
#include "core/debug/frame_values.h"
#include "core/exits/exit_policy.h"
#include "core/model/model_config.h"
#include "tests/support/action_edits.h"
#include "tests/support/suite.h"
#include "tests/support/two_arm_trace.h"

namespace deer::test {

class DebugTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void computes_data();
  void computes();
  void refuses_data();
  void refuses();
  void unknown_values_hold_nothing();
  void expressions_change_nothing();
  void values_of_a_frame();
  void thresholds_without_limit_are_none();
  void policy_mode_has_no_regret();
  void knows_what_a_layer_costs();
  void finds_events();
  void names_every_dimension();
  void two_grippers_tell_which_one_moved();
};

namespace {

std::shared_ptr<Variables> some_variables() {
  auto variables = std::make_shared<Variables>(
      std::vector<std::string>{"depth", "exit", "order", "android", "nothing", "delta", "unknown"});
  const std::vector<double> values{8, 4, 5, 2, 3, 0.25, std::numeric_limits<double>::quiet_NaN()};
  std::copy(values.begin(), values.end(), variables->values().begin());
  return variables;
}

/// Three exits after layers 1, 3, 5; the second is taken.
FrameRecord some_record(std::int64_t frame) {
  FrameRecord record;
  record.frame = frame;
  record.step = 7;
  record.mode = RunMode::probe;
  record.prompt_tokens = 13;
  record.exit_layer = 3;
  record.exit_index = 1;
  record.reason = ExitReason::within_threshold;
  for (int i = 0; i < 3; ++i) {
    ExitProbe probe;
    probe.layer = 2 * i + 1;
    probe.action = test::filled_action(0.5F - 0.1F * static_cast<float>(i), 0);
    probe.delta = 0.04F / static_cast<float>(i + 1);
    probe.threshold = i == 2 ? static_cast<float>(kAlwaysLeave) : 0.025F;
    probe.evaluated_by_policy = i <= 1;
    record.exits.push_back(probe);
  }
  record.action = deer_action(record.exits[1].arm(), 0.75F);
  record.command = deer_action(record.exits[1].arm(), 1);
  record.times = {1, 10, 2, 5, 0.5};
  return record;
}

double value_of(FrameValues& values, const std::string& text) { return Expression(text, values.variables()).value(); }

}  // namespace

void DebugTest::computes_data() {
  QTest::addColumn<QString>("text");
  QTest::addColumn<double>("value");
  const auto row = [](const char* text, double value) { QTest::newRow(text) << QString::fromLatin1(text) << value; };
  row("depth", 8);
  row("depth >= 8", 1);
  row("depth > 8", 0);
  row("depth == 8 and exit == 4", 1);
  row("depth == 8 && exit != 4", 0);
  row("depth < 8 or exit == 4", 1);
  row("depth < 8 || exit < 4", 0);
  row("not depth < 8", 1);
  row("not depth > 3 and exit == 4", 0);
  row("not (depth > 3 and exit == 5)", 1);
  row("!(depth<3)&&!(exit>4)", 1);
  row("not (not depth)", 1);
  row("1 + 2 * 3 - 4 / 2", 5);
  row("(1 + 2) * 3", 9);
  row("2 ^ 3 ^ 1", 8);
  row("-2 ^ 2", -4);
  row("-depth + exit", -4);
  row("1e-3 * 1000", 1);
  row(".5 + 1.", 1.5);
  row("abs(delta - 0.5) <= 50%", 1);
  row("max(depth, exit, 20)", 20);
  row("exit > 3 ? 10 : 20", 10);
  row("exit > 3 and depth > 3 or delta > 1", 1);
  row("exit > 5 and depth > 3 or delta < 1", 1);
  row("delta > 1 or exit == 4 and depth == 9", 0);
  // Names that begin like an operator.
  row("order + android + nothing", 10);
  row("order or android", 1);
  row("  depth\t>=\n8  ", 1);
}

void DebugTest::computes() {
  QFETCH(QString, text);
  QFETCH(double, value);
  const Expression expression(text.toStdString(), some_variables());
  QCOMPARE(expression.value(), value);
  QCOMPARE(expression.holds(), value != 0);
  QCOMPARE(expression.text(), text.toStdString());
}

void DebugTest::refuses_data() {
  QTest::addColumn<QString>("text");
  QTest::addColumn<int>("position");
  QTest::addColumn<QString>("message");
  const auto row = [](const char* text, int position, const char* message) {
    QTest::newRow(text) << QString::fromLatin1(text) << position << QString::fromLatin1(message);
  };
  row("", 0, "the expression is empty");
  row("   ", 0, "the expression is empty");
  row("depth > foo", 8, "'foo' is unknown");
  row("deep > 3", 0, "'deep' is unknown");
  row("depth > 3 and bar2 < 1", 14, "'bar2' is unknown");
  row("depth >", 7, "the expression is incomplete");
  row("depth and", 9, "the expression is incomplete");
  row("(depth > 3", 10, "missing ')'");
  row("depth > 3)", 9, "unexpected parenthesis");
  row("depth exit", 6, "'exit' is unexpected here");
  row("depth = 8", 6, "'=' cannot assign: compare with '=='");
  row("depth == 8 and exit = 3", 20, "'=' cannot assign: compare with '=='");
  row("depth > \"a\"", 8, "strings are not supported");
  row("depth, exit", 0, "',' is only allowed between function arguments");
  row("abs()", -1, "");
  row("abs(1, 2)", -1, "");
  row("depth > 3 and and exit", 14, "'and' is unexpected here");
  row("* 3", 0, "'*' is unexpected here");
  row("exit > 3 ? 1", 12, "'?' without ':'");
  QTest::newRow("not ascii") << QStringLiteral("depth ≥ 3") << 6
                             << "only ASCII letters, digits and symbols are allowed";
  QTest::newRow("long") << QString(600, u'1') << 500 << "longer than 500 characters";
}

void DebugTest::refuses() {
  QFETCH(QString, text);
  QFETCH(int, position);
  QFETCH(QString, message);
  try {
    const Expression expression(text.toStdString(), some_variables());
    QFAIL("it was taken");
  } catch (const ExpressionError& error) {
    if (!message.isEmpty()) QCOMPARE(QString::fromUtf8(error.what()), message);
    if (position >= 0) QCOMPARE(error.position(), position);
    QVERIFY(error.position() >= 0);
    QVERIFY(!QByteArray(error.what()).contains('\n'));
  }
}

void DebugTest::unknown_values_hold_nothing() {
  const auto variables = some_variables();
  for (const auto* const text : {"unknown", "unknown > 1", "unknown <= 1", "unknown == unknown", "unknown + 1"}) {
    QVERIFY2(!Expression(text, variables).holds(), text);
  }
  QVERIFY(std::isnan(Expression("unknown * 2", variables).value()));
  QVERIFY(Expression("not unknown > 1", variables).holds());
}

void DebugTest::expressions_change_nothing() {
  const auto variables = some_variables();
  Expression expression("depth * 2", variables);
  QCOMPARE(expression.value(), 16.0);
  variables->values()[0] = 3;
  QCOMPARE(expression.value(), 6.0);
  Expression moved = std::move(expression);
  QCOMPARE(moved.value(), 6.0);
  for (const auto* const text : {"depth += 1", "depth -= 1", "depth = exit", "depth *= 2"}) {
    QVERIFY_THROWS_EXCEPTION(ExpressionError, Expression(text, variables));
  }
  QCOMPARE(variables->values()[0], 3.0);
}

void DebugTest::values_of_a_frame() {
  FrameValues values({{1, 3, 5}, nullptr});
  auto before = some_record(41);
  before.exit_layer = 5;
  before.command = test::with_number(before.command, 6, -1);
  const auto record = some_record(42);
  values.set(record, &before);
  const auto close = [&](const char* text, double expected) {
    const double got = value_of(values, text);
    QVERIFY2(std::abs(got - expected) < 1e-6, qPrintable(QString("%1: %2").arg(text).arg(got)));
  };
  close("frame", 42);
  close("step", 7);
  close("depth", 4);
  close("exit", 2);
  close("delta", 0.02);
  close("threshold", 0.025);
  close("margin", 0.005);
  close("closest", 0.2);  // of exit 2: 0.005 of 0.025; of exit 1: 0.015
  close("disagreement", 0.2);
  close("regret", 0.1);
  close("gripper", 0.75);
  close("gripper_flip", 1);
  close("exit_change", 1);
  close("forced", 0);
  close("latency_ms", 18.5);
  close("vision_ms", 12);
  close("llm_ms", 5);
  close("head_ms", 0.5);
  close("tokens", 13);
  close("delta1", 0.04);
  close("delta3", 0.04 / 3);
  close("threshold1", 0.025);
  QVERIFY(std::isnan(value_of(values, "llm_gflops")));
  QVERIFY_THROWS_EXCEPTION(ExpressionError, value_of(values, "delta4"));
  values.set(record, nullptr);
  close("gripper_flip + exit_change", 0);
  // Without a model every name that one might have is known.
  FrameValues any({});
  QVERIFY(!Expression("delta20 > 0", any.variables()).holds());
  QCOMPARE(FrameValues::infos().size(), std::size_t(20));
}

void DebugTest::thresholds_without_limit_are_none() {
  FrameValues values({{1, 3, 5}, nullptr});
  auto record = some_record(0);
  record.exit_layer = 5;
  record.exit_index = 2;
  record.exits[2].evaluated_by_policy = true;
  values.set(record, nullptr);
  QVERIFY(std::isnan(value_of(values, "threshold")));
  QVERIFY(std::isnan(value_of(values, "margin")));
  QVERIFY(!Expression("margin >= 0", values.variables()).holds());
  record.exits.clear();
  values.set(record, nullptr);
  QVERIFY(std::isnan(value_of(values, "closest")));
  QVERIFY(std::isnan(value_of(values, "disagreement")));
}

void DebugTest::policy_mode_has_no_regret() {
  auto record = some_record(0);
  record.mode = RunMode::policy;
  record.exits.pop_back();
  QVERIFY(std::isnan(regret(record)));
}

void DebugTest::knows_what_a_layer_costs() {
  const auto config = std::make_shared<const ModelConfig>();
  FrameValues values({{1, 3, 5}, config});
  auto record = some_record(0);
  values.set(record, nullptr);
  const double four_layers = value_of(values, "llm_gflops");
  QCOMPARE(four_layers, CostModel(*config).llm_gflops(3, 13));
  record.prompt_tokens = 26;
  values.set(record, nullptr);
  QVERIFY(value_of(values, "llm_gflops") > 1.5 * four_layers);
  record.reason = ExitReason::repeated;
  values.set(record, nullptr);
  QCOMPARE(value_of(values, "llm_gflops"), 0.0);
  record.reason = ExitReason::fixed;
  record.exit_layer = 1000;
  values.set(record, nullptr);
  QVERIFY(std::isnan(value_of(values, "llm_gflops")));
}

void DebugTest::finds_events() {
  const std::vector<int> layers{1, 3, 5};
  std::vector<FrameEvent> events;
  const auto before = some_record(9);
  append_events(before, nullptr, layers, events);
  QVERIFY(events.empty());
  auto record = some_record(10);
  append_events(record, &before, layers, events);
  QVERIFY(events.empty());

  record.exit_layer = 5;
  record.exits[1].delta = 0.03F;  // above 0.025 now
  record.command = test::with_number(record.command, 6, -1);
  record.reason = ExitReason::forced;
  append_events(record, &before, layers, events);
  QCOMPARE(events.size(), std::size_t(4));
  QVERIFY(events[0].kind == FrameEventKind::exit_change);
  QCOMPARE(events[0].exit, std::int16_t(2));
  QCOMPARE(events[0].other, std::int16_t(1));
  QVERIFY(events[1].kind == FrameEventKind::threshold_crossing);
  QCOMPARE(events[1].exit, std::int16_t(1));
  QCOMPARE(events[1].value, 0.03F);
  QCOMPARE(events[1].limit, 0.025F);
  QVERIFY(events[2].kind == FrameEventKind::gripper_closes);
  QVERIFY(events[3].kind == FrameEventKind::forced);
  for (const auto& event : events) QCOMPARE(event.frame, std::int64_t(10));
  // Back again: it opens.
  events.clear();
  const auto after = some_record(11);
  append_events(after, &record, layers, events);
  QCOMPARE(events.size(), std::size_t(3));
  QVERIFY(events[2].kind == FrameEventKind::gripper_opens);
}

void DebugTest::names_every_dimension() {
  FrameValues deer({{1, 3, 5}, nullptr});
  const auto record = some_record(42);
  deer.set(record, nullptr);
  QCOMPARE(value_of(deer, "x"), static_cast<double>(record.action[0]) * 20);
  QVERIFY(std::abs(value_of(deer, "turn_z") - static_cast<double>(record.action[5]) * 57.29578 / 20) < 1e-4);

  const auto metadata = two_arm_metadata();
  FrameValues arms({metadata.exit_layers, nullptr, metadata.layout});
  const auto frame = two_arm_record(metadata, 9);
  arms.set(frame, nullptr);
  QCOMPARE(value_of(arms, "left_forearm_roll"), static_cast<double>(frame.action[3]));
  QCOMPARE(value_of(arms, "right_gripper"), static_cast<double>(frame.action[13]) * 100);
  QCOMPARE(value_of(arms, "delta10"), static_cast<double>(frame.exits[9].delta));
  QVERIFY(value_of(arms, "regret") > 0);

  // Names that are taken, are no words, or fall together.
  const auto infos = FrameValues::dimension_infos(ActionLayout({{"step", "", DimensionKind::joint},
                                                                {"delta2", "", DimensionKind::joint},
                                                                {"2nd elbow", "rad", DimensionKind::joint},
                                                                {"a b", "", DimensionKind::joint},
                                                                {"a-b", "", DimensionKind::joint},
                                                                {"ä", "", DimensionKind::other}}));
  std::vector<std::string> names;
  for (const auto& info : infos) names.push_back(info.name);
  QCOMPARE(names, (std::vector<std::string>{"action_step", "action_delta2", "action_2nd_elbow", "a_b", "action_a_b",
                                            "action_"}));
  QCOMPARE(infos[2].meaning, std::string("executed 2nd elbow, rad"));
}

void DebugTest::two_grippers_tell_which_one_moved() {
  const auto metadata = two_arm_metadata();
  const auto before = two_arm_record(metadata, 0);
  auto now = before;
  now.frame = 1;
  now.command = with_number(now.command, 13, before.opens(13) ? 0.0F : 1.0F);
  std::vector<FrameEvent> events;
  append_events(now, &before, metadata.exit_layers, events);
  QCOMPARE(events.size(), std::size_t(1));
  QVERIFY(events[0].kind == (before.opens(13) ? FrameEventKind::gripper_closes : FrameEventKind::gripper_opens));
  QCOMPARE(events[0].dimension, std::int16_t(13));
}

}  // namespace deer::test

DEER_SUITE(deer::test::DebugTest)
#include "tst_debug.moc"
