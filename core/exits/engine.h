// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/exits/attention_map.h"
#include "core/exits/exit_policy.h"
#include "core/exits/frame_record.h"
#include "core/exits/intervention.h"
#include "core/exits/replay.h"

namespace deer {

struct ModelConfig;

struct EngineOptions {
  std::string device = "auto";      ///< auto, cpu, cuda, cuda:N
  std::string dtype = "auto";       ///< auto, float32, bfloat16, float16
  std::optional<int> max_layer;     ///< load only layers below this one
  std::filesystem::path tokenizer;  ///< tokenizer.json; empty: the one in the model folder or its mpt/
  bool head_only = false;           ///< load only the action heads: replays work, step() throws Error

  bool operator==(const EngineOptions&) const = default;
};

/// Description of a loaded model.
struct ModelSummary {
  std::string name;  ///< folder or file name
  std::filesystem::path path;
  std::string family;            ///< "MPT-1b" or "MPT-7b"
  std::string note;              ///< from the model's config, for example "random weights"; may be empty
  std::vector<int> exit_layers;  ///< zero-based, shallow to deep
  int layers = 0;                ///< decoder layers in memory
  int d_model = 0;
  int image_size = 0;                             ///< pixels, square
  ActionLayoutPtr layout = ActionLayout::deer();  ///< of its actions
  std::int64_t parameters = 0;
  std::int64_t weight_bytes = 0;
  std::string device;  ///< as used, for example "cpu" or "cuda:0 (NVIDIA H200)"
  std::string dtype;   ///< as used
  double load_ms = 0;
  std::vector<std::string> unused_tensors;    ///< in the files but not in the network: possibly a wrong config
  GateReference gate;                         ///< the learned gate in its folder, loaded; empty if there is none
  std::vector<double> suggested_thresholds;   ///< from the model's config, one per exit; may be empty
  std::shared_ptr<const ModelConfig> config;  ///< every size of the network; null if unknown
};

/// Progress callback of a long operation: what, done, total.
using ProgressCallback = std::function<void(std::string_view what, std::int64_t done, std::int64_t total)>;

/// A loaded model and the state of one rollout: the interface between the engine and everything that shows or stores
/// its results. No tensors in the interface. Not thread-safe: use it from one thread at a time.
class Engine {
 public:
  /// Loads a model: a folder with config.json and model.safetensors (or a sharded index), or a
  /// folder with the published files. Throws Error with the file's name; Cancelled on `stop`.
  static std::unique_ptr<Engine> load(const std::filesystem::path& model, const EngineOptions& options = {},
                                      const ProgressCallback& progress = {}, std::stop_token stop = {});

  virtual ~Engine() = default;

  virtual const ModelSummary& summary() const = 0;

  /// Checks the policy against the model (exits, thresholds, gate) and uses it from the next step on. Loads the gate if
  /// the policy only names it; replays do the same.
  /// Throws Error and keeps the previous one if it does not match.
  virtual void set_policy(const ExitPolicy& policy) = 0;
  virtual const ExitPolicy& policy() const = 0;

  /// Start of an episode or a new instruction: resets history and step count.
  virtual void reset() = 0;

  /// Runs one frame and advances the rollout. A change of instruction resets it first.
  /// Checks `stop` between layers and throws Cancelled, leaving the state as it was before the call.
  virtual FrameRecordPtr step(const FrameInput& input, RunMode mode, std::stop_token stop = {}) = 0;

  /// Changes what step() sees from now on; empty: nothing. Does not reset the rollout, but a changed instruction does.
  /// attend() and replays know nothing of it. Throws Error if the model has no such head or layer.
  virtual void set_intervention(const Intervention& intervention);

  /// Where the exit after `exit_layer` looked in one frame. Runs vision (unless the frame is the one of the last
  /// step()), resampler and decoder up to that layer, and does not change the rollout. Checks `stop` between layers.
  /// Throws Cancelled; Error if the input is invalid or there is no cross-attention before the exit.
  virtual AttentionMap attend(const FrameInput& input, int exit_layer, std::stop_token stop = {});

  /// Another rollout on the same weights, which has not begun and has this one's policy. All of them together are used
  /// from one thread at a time, and any may outlive the others. Throws Error if the model does not provide it.
  virtual std::unique_ptr<Engine> another() const;

  /// The rollout so far, and continuing from there: the next step() gives what it would have given. restore() throws
  /// Error, leaving the rollout as it was, if the state does not fit the model; both if the model does not provide it.
  virtual RolloutState state() const;
  virtual void restore(const RolloutState& state);

  /// Replays `policy` over frames recorded in probe mode, in order, from a fresh state, running only the
  /// action head over the stored features: same exits and actions as running the model again
  /// (exact; stage times are the head's only). Does not change the rollout of step(). A record
  /// whose `step` is 0 starts an episode. Throws Cancelled; Error if a record lacks features.
  virtual std::vector<FrameRecordPtr> replay(std::span<const FrameRecordPtr> records, const ExitPolicy& policy,
                                             std::stop_token stop = {}) const = 0;

  /// Replays many policies over the same frames at once, several episodes side by side: the exits that
  /// replay() takes, actions within 1e-5, and much faster. Throws as replay() does.
  virtual void replay_many(const ReplayFrames& frames, std::span<const ExitPolicy> policies, const ReplaySink& sink,
                           std::stop_token stop = {}) const;

  /// For a sequence of policies over the same frames. The engine must outlive it.
  virtual std::unique_ptr<Replayer> replayer(ReplayFrames frames) const;
};

}  // namespace deer
