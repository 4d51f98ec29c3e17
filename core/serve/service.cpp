// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/service.h"

#include <algorithm>
#include <utility>

#include "core/base/error.h"
#include "core/base/version.h"
#include "core/serve/call_outcome.h"

namespace deer::serve {
namespace {

// One call under way. gRPC tells it when its client has gone or its deadline has passed.
class Call final : public grpc::ServerUnaryReactor {
 public:
  std::stop_token token() const { return stop_.get_token(); }
  void OnCancel() override { stop_.request_stop(); }
  void OnDone() override { delete this; }

 private:
  std::stop_source stop_;
};

// One file of the head under way, a block at a time.
class HeadStream final : public grpc::ServerWriteReactor<wire::HeadBlock> {
 public:
  explicit HeadStream(const grpc::Status& refusal) { Finish(refusal); }

  HeadStream(std::shared_ptr<const HeadFiles> head, std::size_t file, std::int64_t offset)
      : head_(std::move(head)), file_(file), offset_(offset) {
    send();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish({grpc::StatusCode::CANCELLED, "the client has gone"});
    offset_ += static_cast<std::int64_t>(block_.data().size());
    send();
  }
  void OnDone() override { delete this; }

 private:
  void send() {
    const auto bytes = head_->block(file_, offset_);
    if (bytes.empty()) return Finish(grpc::Status::OK);
    block_.set_data(bytes.data(), bytes.size());
    StartWrite(&block_);
  }

  std::shared_ptr<const HeadFiles> head_;
  std::size_t file_ = 0;
  std::int64_t offset_ = 0;
  wire::HeadBlock block_;
};

// Takes as long for a wrong token as for the right one of the same length.
bool is_same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned different = 0;
  for (std::size_t i = 0; i < a.size(); ++i) different |= static_cast<unsigned char>(a[i] ^ b[i]);
  return different == 0;
}

// For the time of its life an engine sees frames with the intervention.
class Intervening {
 public:
  Intervening(deer::Engine& engine, const Intervention& intervention)
      : engine_(intervention.empty() ? nullptr : &engine) {
    if (engine_ != nullptr) engine_->set_intervention(intervention);
  }
  ~Intervening() {
    if (engine_ != nullptr) engine_->set_intervention({});
  }
  Intervening(const Intervening&) = delete;
  Intervening& operator=(const Intervening&) = delete;

 private:
  deer::Engine* engine_;
};

grpc::Status unauthenticated() {
  return {grpc::StatusCode::UNAUTHENTICATED, "the token is missing or not the server's"};
}

double milliseconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

EngineService::EngineService(std::shared_ptr<deer::Engine> engine, EngineThread& thread, Options options)
    : engine_(std::move(engine)),
      thread_(thread),
      options_(std::move(options)),
      summary_(engine_->summary()),
      policy_(policy_message(engine_->policy())),
      rollouts_(options_.rollouts, options_.idle) {}

bool EngineService::is_authorized(const grpc::CallbackServerContext& context) const {
  if (options_.token.empty()) return true;
  constexpr std::string_view kScheme = "Bearer ";
  const auto found = context.client_metadata().find("authorization");
  if (found == context.client_metadata().end()) return false;
  const std::string_view value(found->second.data(), found->second.size());
  return value.starts_with(kScheme) && is_same(value.substr(kScheme.size()), options_.token);
}

grpc::ServerUnaryReactor* EngineService::answer(grpc::CallbackServerContext* context,
                                                const std::function<void()>& work) {
  auto* call = new Call;  // deletes itself
  call->Finish(is_authorized(*context) ? outcome(work) : unauthenticated());
  return call;
}

grpc::ServerUnaryReactor* EngineService::answer_later(grpc::CallbackServerContext* context,
                                                      const std::function<Work()>& prepare) {
  Work work;
  const auto problem = [&] {
    if (!is_authorized(*context)) return unauthenticated();
    return outcome([&] { work = prepare(); });
  }();
  auto* call = new Call;  // deletes itself
  if (!problem.ok()) {
    call->Finish(problem);
    return call;
  }
  const bool posted = thread_.post([call, work, stop = call->token()] {
    call->Finish(outcome([&] {
      if (stop.stop_requested()) throw Cancelled();
      work(stop);
    }));
  });
  if (!posted) {
    call->Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many calls wait for the model: try again later"});
  }
  return call;
}

ServedRolloutPtr EngineService::rollout(const std::string& name) {
  auto out = rollouts_.find(name);
  if (!out) {
    throw Refusal(grpc::StatusCode::NOT_FOUND,
                  "there is no rollout '" + printable(name, 40) +
                      "': it was closed or not used for long, or the server was restarted; open it again");
  }
  return out;
}

void EngineService::use_policy(ServedRollout& rollout, const ExitPolicy& policy) const {
  rollout.engine->set_policy(policy);
  if (rollout.cost) rollout.cost->set_gate(gate_cost(rollout.engine->policy(), summary_.gate));
}

grpc::ServerUnaryReactor* EngineService::Health(grpc::CallbackServerContext* context, const wire::HealthRequest*,
                                                wire::HealthReply* reply) {
  return answer(context, [&] {
    reply->set_protocol(kProtocol);
    reply->set_version(kVersion);
    reply->set_uptime_s(milliseconds(Clock::now() - started_) / 1000);
    reply->set_rollouts(static_cast<int>(rollouts_.count()));
    reply->set_rollouts_most(static_cast<int>(rollouts_.most()));
    reply->set_steps(steps_);
    reply->set_waiting(static_cast<int>(thread_.waiting()));
  });
}

grpc::ServerUnaryReactor* EngineService::Describe(grpc::CallbackServerContext* context, const wire::DescribeRequest*,
                                                  wire::DescribeReply* reply) {
  return answer(context, [&] {
    put_summary(summary_, *reply);
    reply->set_protocol(kProtocol);
    reply->set_fingerprint(options_.fingerprint);
    reply->set_policy(policy_);
    reply->set_message_bytes_most(kMostBytes);
    reply->set_picture_most(kMostPixels);
    reply->set_hides_cameras(true);
    if (options_.head) put_head(*options_.head, *reply->mutable_head());
  });
}

grpc::ServerUnaryReactor* EngineService::Open(grpc::CallbackServerContext* context, const wire::OpenRequest* request,
                                              wire::OpenReply* reply) {
  return answer_later(context, [=, this]() -> Work {
    check_protocol(request->protocol());
    std::optional<ExitPolicy> policy;
    if (!request->policy().empty()) policy = to_policy(request->policy());
    std::optional<RolloutState> state;
    if (request->has_state()) state = to_state(request->state());
    return [=, this](const std::stop_token&) {
      auto opened = std::make_shared<ServedRollout>();
      opened->engine = engine_->another();
      if (summary_.config) opened->cost.emplace(*summary_.config);
      use_policy(*opened, policy.value_or(opened->engine->policy()));
      if (state) opened->engine->restore(*state);
      if (!request->replaces().empty()) rollouts_.remove(request->replaces());
      reply->set_policy(policy_message(opened->engine->policy()));
      reply->set_rollout(rollouts_.add(std::move(opened)));
      if (reply->rollout().empty()) {
        throw Refusal(grpc::StatusCode::RESOURCE_EXHAUSTED,
                      "all " + std::to_string(rollouts_.most()) +
                          " rollouts that the server may have are in use: try again later");
      }
    };
  });
}

grpc::ServerUnaryReactor* EngineService::Reset(grpc::CallbackServerContext* context, const wire::ResetRequest* request,
                                               wire::ResetReply*) {
  return answer_later(context, [=, this]() -> Work {
    return [of = rollout(request->rollout())](const std::stop_token&) { of->engine->reset(); };
  });
}

grpc::ServerUnaryReactor* EngineService::Step(grpc::CallbackServerContext* context, const wire::StepRequest* request,
                                              wire::StepReply* reply) {
  return answer_later(context, [=, this]() -> Work {
    const auto arrived = Clock::now();
    return [=, this, of = rollout(request->rollout()), input = to_input(request->observation()),
            hidden = to_hidden(*request)](const std::stop_token& stop) {
      const auto began = Clock::now();
      const Intervening intervening(*of->engine, hidden);
      const auto record = of->engine->step(input, request->probe() ? RunMode::probe : RunMode::policy, stop);
      ++steps_;
      put_record(*record, request->features(), *reply);
      if (of->cost) put_cost(of->cost->step(*record), *reply->mutable_gflops());
      if (request->state()) put_state(of->engine->state(), *reply->mutable_state());
      reply->mutable_times_ms()->set_waited(milliseconds(began - arrived));
      reply->mutable_times_ms()->set_server(milliseconds(Clock::now() - arrived));
    };
  });
}

grpc::ServerUnaryReactor* EngineService::SetPolicy(grpc::CallbackServerContext* context,
                                                   const wire::SetPolicyRequest* request, wire::SetPolicyReply* reply) {
  return answer_later(context, [=, this]() -> Work {
    return [=, this, of = rollout(request->rollout()), policy = to_policy(request->policy())](const std::stop_token&) {
      use_policy(*of, policy);
      reply->set_policy(policy_message(of->engine->policy()));
    };
  });
}

grpc::ServerUnaryReactor* EngineService::Attend(grpc::CallbackServerContext* context,
                                                const wire::AttendRequest* request, wire::AttendReply* reply) {
  return answer_later(context, [=, this]() -> Work {
    return
        [=, of = rollout(request->rollout()), input = to_input(request->observation())](const std::stop_token& stop) {
          put_attention(of->engine->attend(input, request->exit_layer(), stop), *reply);
        };
  });
}

grpc::ServerUnaryReactor* EngineService::Close(grpc::CallbackServerContext* context, const wire::CloseRequest* request,
                                               wire::CloseReply*) {
  return answer(context, [&] {
    rollout(request->rollout());
    rollouts_.remove(request->rollout());
  });
}

grpc::ServerWriteReactor<wire::HeadBlock>* EngineService::Head(grpc::CallbackServerContext* context,
                                                               const wire::HeadRequest* request) {
  std::size_t file = 0;
  const auto problem = [&]() -> grpc::Status {
    if (!is_authorized(*context)) return unauthenticated();
    return outcome([&] {
      const auto& head = options_.head;
      if (!head) throw Refusal(grpc::StatusCode::FAILED_PRECONDITION, "this server sends no action heads");
      if (request->fingerprint() != head->fingerprint()) {
        throw Refusal(grpc::StatusCode::FAILED_PRECONDITION,
                      "fingerprint: found '" + printable(request->fingerprint()) + "', expected " +
                          head->fingerprint() + ": the server has other action heads now");
      }
      const auto& list = head->list();
      const auto found =
          std::find_if(list.begin(), list.end(), [&](const auto& f) { return f.name == request->file(); });
      if (found == list.end())
        throw Error("file: found '" + printable(request->file()) + "', expected one of the head's");
      if (request->offset() < 0 || request->offset() > found->size) {
        throw Error("offset: found " + std::to_string(request->offset()) + ", expected 0 to " +
                    std::to_string(found->size));
      }
      file = static_cast<std::size_t>(found - list.begin());
    });
  }();
  // Deletes itself.
  return problem.ok() ? new HeadStream(options_.head, file, request->offset()) : new HeadStream(problem);
}

}  // namespace deer::serve
