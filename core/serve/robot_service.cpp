// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/robot_service.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/version.h"
#include "core/serve/call_outcome.h"
#include "core/serve/show_messages.h"

namespace deer::serve {
namespace {

using grpc::StatusCode;

double seconds_since(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

// The window's own history cannot be read; what clients need of it is how many steps there were.
void put_steps(const FrameRecord& record, const std::string& instruction, wire::RolloutState& out) {
  RolloutState state;
  state.steps = record.step + 1;
  state.instruction = instruction;
  put_state(state, out);
}

void put_waits(double seconds, wire::Times& times) {
  const double milliseconds = 1000 * seconds;
  const double model = times.preprocess() + times.vision() + times.resampler() + times.llm() + times.head();
  times.set_server(milliseconds);
  times.set_waited(std::max(0.0, milliseconds - model));
}

}  // namespace

// A step under way: until it ends no other robot gets the window.
class RobotService::Use {
 public:
  explicit Use(RobotService& service) : service_(service) { ++service_.calls_; }  // with the mutex held
  ~Use() {
    const std::lock_guard lock(service_.mutex_);
    --service_.calls_;
    service_.used_ = Clock::now();
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  RobotService& service_;
};

void RobotService::describe(std::optional<ModelSummary> model, const ExitPolicy& policy) {
  const std::lock_guard lock(mutex_);
  cost_.reset();
  if (model && model->config) {
    cost_.emplace(*model->config);
    cost_->set_gate(gate_cost(policy, model->gate));
  }
  model_ = std::move(model);
  policy_ = policy_message(policy);
}

void RobotService::close() {
  const std::lock_guard lock(mutex_);
  ending_ = true;
  if (feed_) feed_->close();
}

void RobotService::check_model() const {
  if (!model_) throw Refusal(StatusCode::FAILED_PRECONDITION, "no model is open in the window: open one there");
}

void RobotService::check_policy(const std::string& policy) const {
  if (policy.empty() || told_policies_.contains(policy_message(to_policy(policy)))) return;
  throw Refusal(StatusCode::FAILED_PRECONDITION, "policy: the window decides it: leave it out, and set it there");
}

bool RobotService::is_in_use() const {
  constexpr auto kIdle = std::chrono::seconds(10);
  return feed_ && !feed_->is_closed() && (calls_ > 0 || Clock::now() - used_ < kIdle);
}

const RobotFeedPtr& RobotService::feed_of(const std::string& rollout) const {
  if (rollout.empty() || rollout != rollout_) {
    throw Refusal(StatusCode::NOT_FOUND, "there is no rollout '" + printable(rollout, 40) +
                                             "': it was closed, or another robot took its place; open it again");
  }
  return feed_;
}

grpc::Status RobotService::Health(grpc::ServerContext*, const wire::HealthRequest*, wire::HealthReply* reply) {
  return outcome([&] {
    const std::lock_guard lock(mutex_);
    reply->set_protocol(kProtocol);
    reply->set_version(kVersion);
    reply->set_uptime_s(seconds_since(started_));
    reply->set_rollouts(feed_ && !feed_->is_closed() ? 1 : 0);
    reply->set_rollouts_most(1);
    reply->set_steps(steps_);
    reply->set_waiting(calls_);
  });
}

grpc::Status RobotService::Describe(grpc::ServerContext*, const wire::DescribeRequest*, wire::DescribeReply* reply) {
  constexpr std::size_t kMostTold = 1000;
  return outcome([&] {
    const std::lock_guard lock(mutex_);
    check_model();
    put_summary(*model_, *reply);
    reply->set_protocol(kProtocol);
    reply->set_policy(policy_);
    reply->set_message_bytes_most(kMostBytes);
    reply->set_picture_most(kMostPixels);
    if (told_policies_.size() >= kMostTold) told_policies_.clear();
    told_policies_.insert(policy_);
  });
}

grpc::Status RobotService::Open(grpc::ServerContext*, const wire::OpenRequest* request, wire::OpenReply* reply) {
  return outcome([&] {
    check_protocol(request->protocol());
    RobotFeedPtr opened;
    {
      const std::lock_guard lock(mutex_);
      check_model();
      check_policy(request->policy());
      reply->set_policy(policy_);
      // After a lost connection; the window still has what came before.
      const bool continues =
          !rollout_.empty() && request->replaces() == rollout_ && feed_ && !feed_->is_closed() && !ending_;
      if (!continues) {
        if (request->state().steps() > 0) {
          throw Refusal(StatusCode::FAILED_PRECONDITION, "state.steps: found " +
                                                             std::to_string(request->state().steps()) +
                                                             ", expected 0: a window continues no rollout that it "
                                                             "does not have");
        }
        if (ending_ || is_in_use()) {
          throw Refusal(StatusCode::RESOURCE_EXHAUSTED, "the window runs another robot: try again later");
        }
        if (feed_) feed_->finish();
        opened = feed_ = std::make_shared<RobotFeed>();
        starts_episode_ = true;
      }
      rollout_ = "robot-" + std::to_string(++opened_);
      used_ = Clock::now();
      reply->set_rollout(rollout_);
    }
    if (opened) on_robot_(opened);
  });
}

grpc::Status RobotService::Reset(grpc::ServerContext*, const wire::ResetRequest* request, wire::ResetReply*) {
  return outcome([&] {
    const std::lock_guard lock(mutex_);
    feed_of(request->rollout());
    starts_episode_ = true;
  });
}

grpc::Status RobotService::Step(grpc::ServerContext* context, const wire::StepRequest* request,
                                wire::StepReply* reply) {
  return outcome([&] { step(*context, *request, *reply); });
}

void RobotService::step(const grpc::ServerContext& context, const wire::StepRequest& request, wire::StepReply& reply) {
  const auto began = Clock::now();
  if (!request.hide().empty()) {
    throw Refusal(StatusCode::FAILED_PRECONDITION, "hide: interventions are made in the window");
  }
  auto seen = to_observation(request.observation(), "observation");
  RobotFeedPtr feed;
  std::optional<Use> use;
  {
    const std::lock_guard lock(mutex_);
    feed = feed_of(request.rollout());
    use.emplace(*this);
    seen.starts_episode = std::exchange(starts_episode_, false);
  }
  const bool starts = seen.starts_episode;
  seen.timestamp_s = std::chrono::duration<double>(began - feed->started_at()).count();
  const auto answer =
      feed->ask(std::make_shared<const Observation>(std::move(seen)), [&] { return context.IsCancelled(); });
  using State = RobotFeed::Answer::State;
  if (answer.state != State::decided && starts) {
    const std::lock_guard lock(mutex_);
    starts_episode_ = true;
  }
  switch (answer.state) {
    case State::cancelled:
      throw Cancelled();
    case State::closed:
      throw Refusal(StatusCode::ABORTED, "the window has closed the robot's run");
    case State::refused:
      throw Refusal(StatusCode::FAILED_PRECONDITION,
                    "the window has no model, or its model could not take the frame: see there");
    case State::decided:
      break;
  }
  ++steps_;
  const auto& record = *answer.record;
  put_record(record, request.features(), reply);
  reply.set_frame(request.observation().frame());
  if (request.state()) put_steps(record, request.observation().instruction(), *reply.mutable_state());
  put_waits(seconds_since(began), *reply.mutable_times_ms());
  const std::lock_guard lock(mutex_);
  const bool is_counted = record.prompt_tokens > 0 && cost_ && record.exit_layer < cost_->config().decoder.layers;
  if (is_counted) put_cost(cost_->step(record), *reply.mutable_gflops());
}

grpc::Status RobotService::SetPolicy(grpc::ServerContext*, const wire::SetPolicyRequest*, wire::SetPolicyReply*) {
  return {StatusCode::FAILED_PRECONDITION, "the window decides the policy: set it there"};
}

grpc::Status RobotService::Close(grpc::ServerContext*, const wire::CloseRequest* request, wire::CloseReply*) {
  return outcome([&] {
    const std::lock_guard lock(mutex_);
    feed_of(request->rollout())->finish();
    feed_.reset();
    rollout_.clear();
  });
}

}  // namespace deer::serve
