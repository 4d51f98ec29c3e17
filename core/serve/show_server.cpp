// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/show_server.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <mutex>
#include <utility>

#include "core/base/error.h"
#include "core/serve/engine.grpc.pb.h"
#include "core/serve/listening.h"
#include "core/serve/robot_service.h"
#include "core/serve/show_messages.h"

namespace deer {
namespace {

class ShowService final : public serve::wire::Window::Service {
 public:
  explicit ShowService(ShowServer::OnRun on_run) : on_run_(std::move(on_run)) {}

  // On a thread of gRPC's for this call alone, which may wait: for messages, and for whoever takes the frames.
  grpc::Status Show(grpc::ServerContext* context, grpc::ServerReader<serve::wire::ShowRequest>* reader,
                    serve::wire::ShowReply* reply) override {
    try {
      return show(*context, *reader, *reply);
    } catch (const Error& error) {
      return {grpc::StatusCode::INVALID_ARGUMENT, printable(error.what(), 2000)};
    } catch (const std::exception& error) {
      return {grpc::StatusCode::INTERNAL, printable(error.what(), 2000)};
    }
  }

  // False if no run is shown.
  bool close() {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    if (run_) run_->close();
    return run_ != nullptr;
  }

 private:
  // Gives the place of the run that is shown to the next one, however this one ends.
  class Shown {
   public:
    Shown(ShowService& service, ShownRunPtr run) : service_(service), run_(std::move(run)) {}
    ~Shown() {
      run_->finish();
      const std::lock_guard lock(service_.mutex_);
      service_.run_.reset();
    }
    Shown(const Shown&) = delete;
    Shown& operator=(const Shown&) = delete;

   private:
    ShowService& service_;
    ShownRunPtr run_;
  };

  grpc::Status show(const grpc::ServerContext& context, grpc::ServerReader<serve::wire::ShowRequest>& reader,
                    serve::wire::ShowReply& reply) {
    constexpr auto kLookAgain = std::chrono::milliseconds(100);
    serve::wire::ShowRequest request;
    if (!reader.Read(&request) || !request.has_run()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "the first message holds no run"};
    }
    const auto run = serve::to_run(request.run());
    {
      const std::lock_guard lock(mutex_);
      if (run_ || ending_) {
        return {grpc::StatusCode::RESOURCE_EXHAUSTED, "the window shows the run of another program"};
      }
      run_ = run;
    }
    const Shown shown(*this, run);
    on_run_(run);
    const auto began = std::chrono::steady_clock::now();
    while (reader.Read(&request)) {
      if (!request.has_frame()) return {grpc::StatusCode::INVALID_ARGUMENT, "a message holds no frame"};
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began;
      auto frame = serve::to_frame(request.frame(), run->summary(), passed.count());
      while (!run->wait_for_room(kLookAgain)) {
        if (context.IsCancelled()) return grpc::Status::CANCELLED;
      }
      if (run->is_closed()) return {grpc::StatusCode::ABORTED, "the window closed the run"};
      run->add(std::move(frame));
      reply.set_frames(reply.frames() + 1);
    }
    return grpc::Status::OK;
  }

  const ShowServer::OnRun on_run_;
  std::mutex mutex_;
  bool ending_ = false;
  ShownRunPtr run_;
};

}  // namespace

struct ShowServer::Parts {
  Parts(OnRun on_run, OnRobot on_robot) : runs(std::move(on_run)), robots(std::move(on_robot)) {}
  ShowService runs;
  serve::RobotService robots;
  ServeAddress address;
  std::unique_ptr<grpc::Server> server;
};

ShowServer::ShowServer(const std::string& address, OnRun on_run, OnRobot on_robot)
    : parts_(std::make_unique<Parts>(std::move(on_run), std::move(on_robot))) {
  auto& parts = *parts_;
  parts.address = ServeAddress::parse(address);
  if (!parts.address.is_local) {
    throw Error("address '" + printable(address) +
                "' can be reached from other machines: expected a loopback address such as 127.0.0.1:8478, or "
                "unix:PATH (ssh -L brings another machine's here)");
  }
  serve::check_socket(parts.address);
  grpc::ServerBuilder builder;
  builder.RegisterService(&parts.runs);
  builder.RegisterService(&parts.robots);
  parts.server = serve::start_server(builder, parts.address, grpc::InsecureServerCredentials(), "?");
}

ShowServer::~ShowServer() {
  if (!parts_->server) return;
  // Time for a program that is sending to learn why it ends.
  constexpr auto kGrace = std::chrono::milliseconds(100);
  parts_->robots.close();
  const bool is_shown = parts_->runs.close();
  parts_->server->Shutdown(std::chrono::system_clock::now() + (is_shown ? kGrace : std::chrono::milliseconds(0)));
}

void ShowServer::describe(std::optional<ModelSummary> model, const ExitPolicy& policy) {
  parts_->robots.describe(std::move(model), policy);
}

const std::string& ShowServer::address() const { return parts_->address.text; }

}  // namespace deer
