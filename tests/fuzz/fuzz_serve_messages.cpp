// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/messages.h"
#include "core/serve/show_messages.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

template <typename Message, typename Read>
void read_as(std::span<const std::byte> bytes, Read&& read) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  deer::fuzz::expect_answer([&] { read(message); });
}

}  // namespace

// What a server and a client make of each other's messages. The first byte chooses the message.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace serve = deer::serve;
  namespace wire = serve::wire;
  if (size == 0) return 0;
  const auto bytes = deer::fuzz::input(data + 1, size - 1);
  switch (data[0] % 8) {
    case 0:
      read_as<wire::StepRequest>(bytes, [](const auto& message) { (void)serve::to_input(message.observation()); });
      break;
    case 1:
      read_as<wire::OpenRequest>(bytes, [](const auto& message) {
        (void)serve::to_state(message.state());
        (void)serve::to_policy(message.policy());
      });
      break;
    case 2:
      read_as<wire::StepReply>(bytes, [](const auto& message) {
        (void)serve::to_record(message);
        (void)serve::to_state(message.state());
      });
      break;
    case 3:
      read_as<wire::DescribeReply>(bytes, [](const auto& message) { (void)serve::to_summary(message); });
      break;
    case 4:
      read_as<wire::AttendReply>(bytes, [](const auto& message) { (void)serve::to_attention(message); });
      break;
    case 5:
      read_as<wire::ShownRun>(bytes, [](const auto& message) { (void)serve::to_run(message); });
      break;
    case 6:
      read_as<wire::ShownFrame>(bytes, [](const auto& message) {
        deer::ModelSummary summary;
        summary.exit_layers = {1, 3};
        summary.layers = 4;
        (void)serve::to_frame(message, summary, 0);
      });
      break;
    default:
      read_as<wire::Picture>(bytes, [](const auto& message) { (void)serve::to_image(message, "picture"); });
      break;
  }
  return 0;
}
