// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "core/budget/cost_model.h"
#include "core/exits/engine.h"
#include "core/serve/engine.grpc.pb.h"
#include "core/serve/messages.h"
#include "core/serve/robot_feed.h"

namespace deer::serve {

/// A window's model for one robot at a time: the calls of engine.proto that a rollout needs. The window decides the
/// policy, and keeps the history. Each call is on a thread of its own, which may wait. Thread-safe.
class RobotService final : public wire::Engine::Service {
 public:
  using OnRobot = std::function<void(RobotFeedPtr robot)>;

  /// `on_robot`: called when a robot comes, on its thread; must not wait.
  explicit RobotService(OnRobot on_robot) : on_robot_(std::move(on_robot)) {}

  /// What the window has from now on; no model: robots are refused.
  void describe(std::optional<ModelSummary> model, const ExitPolicy& policy);
  void close();  ///< ends the feed

  grpc::Status Health(grpc::ServerContext*, const wire::HealthRequest*, wire::HealthReply* reply) override;
  grpc::Status Describe(grpc::ServerContext*, const wire::DescribeRequest*, wire::DescribeReply* reply) override;
  grpc::Status Open(grpc::ServerContext*, const wire::OpenRequest* request, wire::OpenReply* reply) override;
  grpc::Status Reset(grpc::ServerContext*, const wire::ResetRequest* request, wire::ResetReply*) override;
  grpc::Status Step(grpc::ServerContext* context, const wire::StepRequest* request, wire::StepReply* reply) override;
  grpc::Status SetPolicy(grpc::ServerContext*, const wire::SetPolicyRequest*, wire::SetPolicyReply*) override;
  grpc::Status Close(grpc::ServerContext*, const wire::CloseRequest* request, wire::CloseReply*) override;

 private:
  using Clock = std::chrono::steady_clock;
  class Use;

  // With mutex_ held.
  void check_model() const;
  void check_policy(const std::string& policy) const;
  bool is_in_use() const;
  const RobotFeedPtr& feed_of(const std::string& rollout) const;

  void step(const grpc::ServerContext& context, const wire::StepRequest& request, wire::StepReply& reply);

  const OnRobot on_robot_;
  const Clock::time_point started_ = Clock::now();
  std::atomic<std::int64_t> steps_ = 0;

  std::mutex mutex_;
  std::optional<ModelSummary> model_;
  std::optional<CostModel> cost_;  // of the model, with the policy's gate
  std::string policy_;
  std::set<std::string> told_policies_;  // those that clients may have been told
  RobotFeedPtr feed_;                    // null: none yet
  std::string rollout_;                  // its name
  int opened_ = 0;
  bool starts_episode_ = true;  // the next frame
  int calls_ = 0;               // steps under way
  Clock::time_point used_;
  bool ending_ = false;
};

}  // namespace deer::serve
