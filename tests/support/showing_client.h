// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "core/serve/engine.grpc.pb.h"

namespace deer::test {

/// Another program that shows its run: two dimensions and a gripper, chunks of two steps, exits after layers 1 and 3.
class ShowingClient {
 public:
  explicit ShowingClient(const std::string& address)
      : stub_(deerscope::v1::Window::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))),
        writer_(stub_->Show(&context_, &reply_)) {}

  static deerscope::v1::ShowRequest run() {
    deerscope::v1::ShowRequest out;
    auto& run = *out.mutable_run();
    run.set_protocol(1);
    run.set_name("my policy");
    run.add_exit_layers(1);
    run.add_exit_layers(3);
    run.set_layers(4);
    for (const char* name : {"left", "right", "grip"}) {
      auto& dimension = *run.add_dimensions();
      dimension.set_name(name);
      dimension.set_kind(std::string(name) == "grip" ? "gripper" : "joint");
      dimension.set_scale(1);
      dimension.set_opens_above(0.5);
    }
    run.set_action_steps(2);
    run.set_policy(R"({"criterion": "action_delta", "thresholds": [0.5, 1e8]})");
    return out;
  }

  /// Exits at the first exit in even frames; both are evaluated.
  static deerscope::v1::ShowRequest frame(int number, const std::string& instruction = "wave") {
    deerscope::v1::ShowRequest out;
    auto& frame = *out.mutable_frame();
    auto& seen = *frame.mutable_observation();
    seen.set_frame(number);
    seen.set_instruction(instruction);
    auto& picture = *seen.mutable_rgb_static();
    picture.set_width(8);
    picture.set_height(6);
    picture.set_data(std::string(8 * 6 * 3, static_cast<char>(10 * number)));
    frame.set_starts_episode(number == 0);
    auto& result = *frame.mutable_result();
    const int taken = number % 2;
    result.set_frame(number);
    result.set_step(number);
    result.set_exit_index(taken);
    result.set_exit_layer(2 * taken + 1);
    result.set_reason("within_threshold");
    result.set_probe(true);
    for (int exit = 0; exit < 2; ++exit) {
      auto& probe = *result.add_exits();
      probe.set_layer(2 * exit + 1);
      probe.set_delta(exit == taken ? 0.25F : 0.75F);
      probe.set_threshold(exit == 0 ? 0.5F : 1e8F);
      probe.set_evaluated_by_policy(exit <= taken);
      for (int i = 0; i < 6; ++i) probe.add_action(0.1F * static_cast<float>(i + exit));
    }
    for (int i = 0; i < 6; ++i) {
      result.add_action(0.1F * static_cast<float>(i + taken));
      result.add_command(0.1F * static_cast<float>(i + taken));
    }
    return out;
  }

  bool send(const deerscope::v1::ShowRequest& request) { return writer_->Write(request); }
  grpc::Status finish() {
    writer_->WritesDone();
    return writer_->Finish();
  }
  void cancel() { context_.TryCancel(); }
  std::int64_t taken() const { return reply_.frames(); }  ///< after finish()

 private:
  std::unique_ptr<deerscope::v1::Window::Stub> stub_;
  grpc::ClientContext context_;
  deerscope::v1::ShowReply reply_;
  std::unique_ptr<grpc::ClientWriter<deerscope::v1::ShowRequest>> writer_;
};

}  // namespace deer::test
