// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>
#include <limits>

#include "core/episodes/media/thumbnail.h"
#include "core/serve/messages.h"
#include "core/serve/picture_size.h"
#include "tests/core/exits/random_picture.h"
#include "tests/support/suite.h"
#include "tests/support/temporary_folder.h"

using namespace deer;
using namespace deer::serve;

namespace {

// The head of a PNG of 8 x 4 pixels.
const std::string kPng = [] {
  const auto head = QByteArray::fromHex("89504e470d0a1a0a0000000d49484452000000080000000408020000003ca21f9d");
  return std::string(head.constData(), static_cast<std::size_t>(head.size()));
}();

wire::Picture picture(int width, int height, std::size_t bytes) {
  wire::Picture out;
  out.set_width(width);
  out.set_height(height);
  out.set_data(std::string(bytes, '\x07'));
  return out;
}

wire::Picture file(const std::string& bytes) {
  wire::Picture out;
  out.set_data(bytes);
  return out;
}

std::string jpeg(int width, int height) {
  const auto bytes = jpeg_thumbnail(*test::random_picture(width, height, 1), width);
  return {bytes.begin(), bytes.end()};
}

std::span<const std::byte> as_bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

}  // namespace

class MessagesTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void pictures();
  void pictures_that_are_refused();
  void sizes_of_files();
  void observations();
  void states();
  void policies();
  void records();
  void summaries();
  void attention();
};

void MessagesTest::pictures() {
  const auto raw = to_image(picture(3, 2, 18), "x");
  QCOMPARE(raw->width, 3);
  QCOMPARE(raw->height, 2);
  QCOMPARE(raw->rgb, std::vector<std::uint8_t>(18, 7));
  const auto decoded = to_image(file(jpeg(40, 30)), "x");
  QCOMPARE(decoded->width, 40);
  QCOMPARE(decoded->height, 30);
}

void MessagesTest::pictures_that_are_refused() {
  DEER_VERIFY_ERROR(to_image(picture(3, 2, 17), "left.eye"), "left.eye: found 17 bytes, expected 18");
  DEER_VERIFY_ERROR(to_image(picture(-3, 2, 17), "x"), "1 to 4096");
  DEER_VERIFY_ERROR(to_image(picture(0, 2, 0), "x"), "1 to 4096");
  DEER_VERIFY_ERROR(to_image(picture(5000, 2, 30'000), "x"), "1 to 4096");
  DEER_VERIFY_ERROR(to_image(picture(1 << 30, 1 << 30, 16), "x"), "1 to 4096");
  DEER_VERIFY_ERROR(to_image(file(""), "x"), "PNG or JPEG");
  DEER_VERIFY_ERROR(to_image(file("GIF89a and so on and so on"), "x"), "PNG or JPEG");
  // A few bytes that claim to be 60000 x 60000 pixels are refused before they are decoded.
  auto bomb = kPng;
  bomb[18] = '\xEA', bomb[19] = '\x60', bomb[22] = '\xEA', bomb[23] = '\x60';
  DEER_VERIFY_ERROR(to_image(file(bomb), "x"), "found 60000 x 60000");
  auto cut = jpeg(40, 30);
  cut.resize(30);
  DEER_VERIFY_ERROR(to_image(file(cut), "x"), "x: ");
}

void MessagesTest::sizes_of_files() {
  const auto png = encoded_picture_size(as_bytes(kPng));
  QVERIFY(png && png->width == 8 && png->height == 4);
  const auto whole = jpeg(40, 30);
  const auto size = encoded_picture_size(as_bytes(whole));
  QVERIFY(size && size->width == 40 && size->height == 30);
  // Cut anywhere, it is the same size or none.
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto cut = encoded_picture_size(as_bytes(whole).first(length));
    QVERIFY(!cut || (cut->width == 40 && cut->height == 30));
  }
}

void MessagesTest::observations() {
  wire::Observation message;
  const FrameInput input{7, test::random_picture(20, 10, 1), test::random_picture(8, 8, 2), "push the button"};
  put_input(input, message);
  const auto read = to_input(message);
  QCOMPARE(read.frame, input.frame);
  QCOMPARE(read.instruction, input.instruction);
  QCOMPARE(read.rgb_static->rgb, input.rgb_static->rgb);
  QCOMPARE(read.rgb_gripper->rgb, input.rgb_gripper->rgb);
  for (int i = 0; i < 15; ++i) message.add_robot_obs(i);
  for (int i = 0; i < 24; ++i) message.add_scene_obs(i);
  (void)to_input(message);
  message.add_scene_obs(1);
  DEER_VERIFY_ERROR(to_input(message), "observation.scene_obs: found 25 numbers, expected 24");
  message.clear_scene_obs();
  message.set_robot_obs(3, std::numeric_limits<double>::quiet_NaN());
  DEER_VERIFY_ERROR(to_input(message), "observation.robot_obs");
  message.clear_robot_obs();
  message.set_instruction(std::string(5000, 'x'));
  DEER_VERIFY_ERROR(to_input(message), "observation.instruction: found 5000 bytes");
  message.clear_rgb_static();
  DEER_VERIFY_ERROR(to_input(message), "observation.rgb_static: found nothing");
}

void MessagesTest::states() {
  RolloutState state;
  state.steps = 4;
  state.instruction = "";
  state.held_layer = 3;
  state.state_layers = 2;
  state.h = {1, 2, 3, 4};
  state.c = {5, 6, 7, 8};
  const std::vector<float> numbers{1, 2, 3, 4, 5, 6, 7};
  state.repeated = {5, ActionValues(numbers), 0.5F, ActionValues(numbers)};
  wire::RolloutState message;
  put_state(state, message);
  const auto read = to_state(message);
  QCOMPARE(read.steps, 4);
  QVERIFY(read.instruction == "" && read.held_layer == 3 && read.state_layers == 2);
  QCOMPARE(read.h, state.h);
  QCOMPARE(read.c, state.c);
  QVERIFY(read.repeated && read.repeated->action == state.repeated->action && read.repeated->exit_layer == 5);
  message.mutable_repeated()->add_action(8);
  DEER_VERIFY_ERROR(to_state(message), "state.repeated.action: found 8 numbers");
  message.set_state_layers(1 << 20);
  DEER_VERIFY_ERROR(to_state(message), "state.state_layers");
  wire::RolloutState empty;
  put_state({}, empty);
  QVERIFY(!to_state(empty).instruction && !to_state(empty).held_layer && !to_state(empty).repeated);
}

void MessagesTest::policies() {
  ExitPolicy policy;
  policy.thresholds = {0.1, kNeverLeave, kAlwaysLeave};
  policy.executions = 3;
  policy.forced_layers[7] = 3;
  policy.gate.path = "/home/somebody/gate";
  policy.gate.fingerprint = "0123";
  const auto text = policy_message(policy);
  QVERIFY2(text.find("somebody") == std::string::npos, "a path of this machine is sent");
  QVERIFY(to_policy(text) == policy);
  DEER_VERIFY_ERROR(to_policy(R"({"criterion": "learned_gate", "gate": {"path": "/etc/passwd"}})"), "fingerprint");
  DEER_VERIFY_ERROR(to_policy("{"), "not valid JSON");
  DEER_VERIFY_ERROR(to_policy(R"({"executions": 0})"), "executions");
  DEER_VERIFY_ERROR(to_policy(std::string(2 << 20, ' ')), "1 MiB");
}

void MessagesTest::records() {
  FrameRecord record;
  record.frame = 12;
  record.step = 3;
  record.mode = RunMode::probe;
  record.prompt_tokens = 9;
  record.exit_layer = 3;
  record.exit_index = 1;
  record.reason = ExitReason::held;
  const std::vector<float> numbers{1, 2, 3, 4, 5, 6, 7};
  record.action = ActionValues(numbers);
  record.command = ActionValues(numbers);
  record.times = {1, 2, 3, 4, 5};
  ExitProbe probe;
  probe.layer = 3;
  probe.action = ActionValues(numbers);
  probe.feature = {0.5F, 0.25F};
  record.exits = {probe};
  wire::StepReply message;
  put_record(record, true, message);
  const auto read = to_record(message);
  QCOMPARE(read.exits.at(0).feature, probe.feature);
  QVERIFY(std::isnan(read.exits.at(0).delta));
  QVERIFY(!read.has_predecessor() && read.mode == RunMode::probe && read.reason == ExitReason::held);
  QCOMPARE(read.times.total_ms(), 15.0);
  QVERIFY(read.action == record.action && read.command == record.command);
  wire::StepReply small;
  put_record(record, false, small);
  QVERIFY(to_record(small).exits.at(0).feature.empty());
  message.set_reason("on a whim");
  DEER_VERIFY_ERROR(to_record(message), "reason: found 'on a whim'");
  small.clear_action();
  DEER_VERIFY_ERROR(to_record(small), "action: found 0 numbers");
}

void MessagesTest::summaries() {
  wire::DescribeReply message;
  DEER_VERIFY_ERROR(to_summary(message), "layers");
  message.set_layers(4);
  message.set_d_model(8);
  message.set_image_size(16);
  DEER_VERIFY_ERROR(to_summary(message), "exit_layers: found none");
  message.add_exit_layers(1);
  message.add_exit_layers(3);
  QCOMPARE(to_summary(message).exit_layers, (std::vector<int>{1, 3}));
  message.add_exit_layers(2);
  DEER_VERIFY_ERROR(to_summary(message), "exit_layers: found 2");
}

void MessagesTest::attention() {
  AttentionMap map;
  map.heads = 2, map.rows = 1, map.columns = 3;
  map.views[0].weights = {1, 2, 3, 4, 5, 6};
  map.views[1].weights = {6, 5, 4, 3, 2, 1};
  wire::AttendReply message;
  put_attention(map, message);
  QCOMPARE(to_attention(message).views[1].weights, map.views[1].weights);
  message.set_rows(4000);
  DEER_VERIFY_ERROR(to_attention(message), "views.weights: found 6 numbers, expected 24000");
}

DEER_SUITE(MessagesTest)

#include "tst_messages.moc"
