// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/connected_engine.h"

#include <utility>

#include "core/base/error.h"
#include "core/head/head_cache.h"

namespace deer {
namespace {

class ConnectedEngine final : public Engine {
 public:
  ConnectedEngine(std::unique_ptr<Engine> remote, std::unique_ptr<Engine> heads, ModelSummary summary)
      : remote_(std::move(remote)), heads_(std::move(heads)), summary_(std::move(summary)) {}

  const ModelSummary& summary() const override { return summary_; }

  void set_policy(const ExitPolicy& policy) override {
    heads_->set_policy(policy);
    remote_->set_policy(heads_->policy());
  }
  const ExitPolicy& policy() const override { return heads_->policy(); }
  void reset() override { remote_->reset(); }

  FrameRecordPtr step(const FrameInput& input, RunMode mode, std::stop_token stop) override {
    return remote_->step(input, mode, std::move(stop));
  }
  void set_intervention(const Intervention& intervention) override { remote_->set_intervention(intervention); }
  AttentionMap attend(const FrameInput& input, int exit_layer, std::stop_token stop) override {
    return remote_->attend(input, exit_layer, std::move(stop));
  }
  std::unique_ptr<Engine> another() const override {
    return std::make_unique<ConnectedEngine>(remote_->another(), heads_->another(), summary_);
  }
  RolloutState state() const override { return remote_->state(); }
  void restore(const RolloutState& state) override { remote_->restore(state); }

  std::vector<FrameRecordPtr> replay(std::span<const FrameRecordPtr> records, const ExitPolicy& policy,
                                     std::stop_token stop) const override {
    return heads_->replay(records, policy, std::move(stop));
  }
  void replay_many(const ReplayFrames& frames, std::span<const ExitPolicy> policies, const ReplaySink& sink,
                   std::stop_token stop) const override {
    heads_->replay_many(frames, policies, sink, std::move(stop));
  }
  std::unique_ptr<Replayer> replayer(ReplayFrames frames) const override { return heads_->replayer(std::move(frames)); }

 private:
  std::unique_ptr<Engine> remote_;
  std::unique_ptr<Engine> heads_;
  ModelSummary summary_;
};

}  // namespace

std::string no_heads_text(const std::string& address) {
  return "the server at " + printable(address) +
         " sends no action heads, which replays here need: start it with a deer of this version";
}

std::unique_ptr<Engine> connect_engine(const std::string& address, RemoteOptions options,
                                       const std::filesystem::path& cache, const ProgressCallback& progress,
                                       std::stop_token stop) {
  options.lazy = true;
  options.features = true;
  if (progress) progress("Connecting", 0, 0);
  auto remote = RemoteEngine::connect(address, options, stop);
  auto summary = remote->summary();
  const auto& files = remote->head_files();
  if (files.empty()) throw Error(no_heads_text(address));
  summary.path = keep_heads(
      cache, files, [&](const HeadFile& file, const auto& take) { remote->read_head(file, take, stop); }, progress,
      stop);
  EngineOptions heads_only;
  heads_only.head_only = true;
  heads_only.device = "cpu";
  heads_only.max_layer = summary.layers;
  auto heads = Engine::load(summary.path, heads_only, progress, stop);
  if (heads->summary().exit_layers != summary.exit_layers || heads->summary().d_model != summary.d_model) {
    throw Error("the server at " + address +
                " sends action heads that are not of its model: their exits or sizes differ");
  }
  summary.config = heads->summary().config;
  summary.gate = heads->summary().gate;
  summary.device += " at " + address;
  auto policy = remote->policy();
  auto out = std::make_unique<ConnectedEngine>(std::move(remote), std::move(heads), std::move(summary));
  try {
    out->set_policy(policy);
  } catch (const Error&) {
    out->set_policy(ExitPolicy(out->policy()));  // the server's needs a gate that is not in its model's folder
  }
  return out;
}

}  // namespace deer
