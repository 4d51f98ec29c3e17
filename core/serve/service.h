// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "core/serve/engine.grpc.pb.h"
#include "core/serve/engine_thread.h"
#include "core/serve/messages.h"
#include "core/serve/rollouts.h"

namespace deer::serve {

/// Answers the calls of engine.proto. Messages are read on gRPC's threads; what needs the model waits for its thread.
class EngineService final : public wire::Engine::CallbackService {
 public:
  struct Options {
    std::string token;
    std::string fingerprint;
    std::shared_ptr<const HeadFiles> head;  ///< null: none is sent
    std::size_t rollouts = 0;
    std::chrono::seconds idle{};
  };

  /// `engine` is used on `thread` only, which ends before both are destroyed.
  EngineService(std::shared_ptr<deer::Engine> engine, EngineThread& thread, Options options);

  std::int64_t steps() const { return steps_; }

  grpc::ServerUnaryReactor* Health(grpc::CallbackServerContext* context, const wire::HealthRequest* request,
                                   wire::HealthReply* reply) override;
  grpc::ServerUnaryReactor* Describe(grpc::CallbackServerContext* context, const wire::DescribeRequest* request,
                                     wire::DescribeReply* reply) override;
  grpc::ServerUnaryReactor* Open(grpc::CallbackServerContext* context, const wire::OpenRequest* request,
                                 wire::OpenReply* reply) override;
  grpc::ServerUnaryReactor* Reset(grpc::CallbackServerContext* context, const wire::ResetRequest* request,
                                  wire::ResetReply* reply) override;
  grpc::ServerUnaryReactor* Step(grpc::CallbackServerContext* context, const wire::StepRequest* request,
                                 wire::StepReply* reply) override;
  grpc::ServerUnaryReactor* SetPolicy(grpc::CallbackServerContext* context, const wire::SetPolicyRequest* request,
                                      wire::SetPolicyReply* reply) override;
  grpc::ServerUnaryReactor* Attend(grpc::CallbackServerContext* context, const wire::AttendRequest* request,
                                   wire::AttendReply* reply) override;
  grpc::ServerUnaryReactor* Close(grpc::CallbackServerContext* context, const wire::CloseRequest* request,
                                  wire::CloseReply* reply) override;
  grpc::ServerWriteReactor<wire::HeadBlock>* Head(grpc::CallbackServerContext* context,
                                                  const wire::HeadRequest* request) override;

 private:
  using Clock = std::chrono::steady_clock;
  using Work = std::function<void(std::stop_token)>;

  bool is_authorized(const grpc::CallbackServerContext& context) const;
  /// Answers on this thread.
  grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* context, const std::function<void()>& work);
  /// Prepares on this thread, and does what `prepare` returns on the engine's.
  grpc::ServerUnaryReactor* answer_later(grpc::CallbackServerContext* context, const std::function<Work()>& prepare);
  ServedRolloutPtr rollout(const std::string& name);
  void use_policy(ServedRollout& rollout, const ExitPolicy& policy) const;

  const std::shared_ptr<deer::Engine> engine_;
  EngineThread& thread_;
  const Options options_;
  const Clock::time_point started_ = Clock::now();
  const ModelSummary summary_;
  const std::string policy_;  // of new rollouts
  Rollouts rollouts_;
  std::atomic<std::int64_t> steps_ = 0;
};

}  // namespace deer::serve
