// SPDX-License-Identifier: GPL-3.0-or-later
#include <memory>

#include "app/cli/commands/commands.h"
#include "app/cli/support/policy_options.h"
#include "core/base/error.h"

#ifdef DEER_HAVE_SERVE
#include <condition_variable>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <set>

#include "app/cli/support/remote_options.h"
#include "app/cli/support/stop_on_signal.h"
#include "core/base/json_file.h"
#include "core/exits/policy_json.h"
#include "core/model/model_fingerprint.h"
#include "core/serve/address.h"
#include "core/serve/server.h"
#endif

namespace deer::cli {
namespace {

#ifdef DEER_HAVE_SERVE

struct Arguments {
  std::string model;
  ServeOptions serve;
  std::string check;
  bool json = false;
  RemoteArguments remote;
  PolicyOptions policy;
  EngineOptions engine;
};

std::string sentence(const ModelSummary& model) {
  return printable(model.name) + " (" + printable(model.family) + ", " + std::to_string(model.layers) + " layers, " +
         std::to_string(model.exit_layers.size()) + " exits; " + printable(model.device) + ", " +
         printable(model.dtype) + ")";
}

void check_server(const Arguments& a) {
  auto options = a.remote.options();
  options.reconnect = {};
  options.lazy = true;  // also a full server is described
  const auto engine = RemoteEngine::connect(a.check, options);
  const auto health = engine->health();
  const auto& model = engine->summary();
  if (a.json) {
    const Json out = {{"version", health.version},
                      {"uptime_s", health.uptime_s},
                      {"rollouts", health.rollouts},
                      {"rollouts_most", health.rollouts_most},
                      {"steps", health.steps},
                      {"waiting", health.waiting},
                      {"model",
                       {{"name", model.name},
                        {"family", model.family},
                        {"fingerprint", engine->fingerprint()},
                        {"exit_layers", model.exit_layers},
                        {"layers", model.layers},
                        {"d_model", model.d_model},
                        {"image_size", model.image_size},
                        {"parameters", model.parameters},
                        {"weight_bytes", model.weight_bytes},
                        {"device", model.device},
                        {"dtype", model.dtype},
                        {"policy", policy_to_json(engine->policy())}}}};
    std::cout << out.dump(1) << '\n';
    return;
  }
  std::printf("%s\n", sentence(model).c_str());
  if (!model.note.empty()) std::printf("note: %s\n", printable(model.note, 500).c_str());
  std::printf("exits after layers");
  for (const int layer : model.exit_layers) std::printf(" %d", layer);
  std::printf("\nDeerscope %s, up for %.0f s, %lld steps, %d of %d rollouts open, %d calls waiting\n",
              printable(health.version).c_str(), health.uptime_s, static_cast<long long>(health.steps), health.rollouts,
              health.rollouts_most, health.waiting);
}

void serve(Arguments a) {
  const StopOnSignal signal("step");
  if (!a.remote.token_file.empty()) a.serve.token = read_token(a.remote.token_file);
  a.serve.fingerprint = model_fingerprint(a.model);
  a.serve.head = a.model;
  const auto load = [&] {
    auto engine = Engine::load(a.model, a.engine, {}, signal.token());
    engine->set_policy(a.policy.apply(engine->policy(), &engine->summary()));
    return engine;
  };
  std::unique_ptr<const EngineServer> running;
  try {
    running = std::make_unique<const EngineServer>(load, a.serve);
  } catch (const Cancelled&) {
    constexpr int kInterrupted = 130;
    std::fprintf(stderr, "stopped before the model was loaded\n");
    throw CLI::RuntimeError(kInterrupted);
  }
  const auto& server = *running;
  const auto& unused = server.summary().unused_tensors;
  if (!unused.empty()) {
    std::cerr << "deer: note: " << unused.size() << " unused tensors in the model (deer info lists them)\n";
  }
  std::cout << "serving " << sentence(server.summary()) << " at " << server.address() << std::endl;
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, signal.token(), [] { return false; });
  std::fprintf(stderr, "%lld steps served\n", static_cast<long long>(server.steps()));
}

#endif

}  // namespace

#ifdef DEER_HAVE_SERVE

void add_serve(CLI::App& app) {
  auto a = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("serve", "Answer clients over the network (gRPC) with a model");
  auto* model = command->add_option("MODEL", a->model, "Model folder");
  command
      ->add_option("--listen", a->serve.address,
                   "HOST:PORT or unix:PATH; port 0: any free one; addresses beyond this machine need a token and TLS")
      ->capture_default_str();
  command->add_option("--tls-certificate", a->serve.tls_certificate, "Certificate (PEM), with its chain");
  command->add_option("--tls-key", a->serve.tls_key, "Its key (PEM)");
  command->add_option("--rollouts", a->serve.rollouts, "Rollouts that may be open at once")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command
      ->add_option_function<int>(
          "--idle", [a](int seconds) { a->serve.idle = std::chrono::seconds(seconds); },
          "Seconds after which an unused rollout may be closed for another")
      ->check(CLI::Range(1, 10'000'000))
      ->default_str(std::to_string(a->serve.idle.count()));
  auto* check = command->add_option("--check", a->check, "Print how the server at this address is, and end");
  check->excludes(model);
  command->add_flag("--json", a->json, "With --check: print JSON")->needs(check);
  a->remote.add_to(*command, "--check");
  a->policy.add_to(*command);
  add_engine_options(*command, a->engine);
  // What is for a server means nothing to another one.
  const std::set<std::string> of_check = {"--help",   "--check",    "--json",     "--token-file",
                                          "--tls-ca", "--deadline", "--reconnect"};
  for (auto* const option : command->get_options([&](const CLI::Option* one) {
         return !one->get_lnames().empty() && !of_check.contains("--" + one->get_lnames().front());
       })) {
    check->excludes(option);
  }
  command->callback([a] {
    if (!a->check.empty()) return check_server(*a);
    if (a->model.empty()) throw CLI::RequiredError("MODEL (or --check)");
    serve(*a);
  });
}

#else

void add_serve(CLI::App& app) {
  auto* command = app.add_subcommand("serve", "Not available: this build has no gRPC");
  command->allow_extras();
  command->callback(
      [] { throw Error("this build has no deer serve (it was built without gRPC: see DEER_SERVE in README.md)"); });
}

#endif

}  // namespace deer::cli
