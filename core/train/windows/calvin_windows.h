// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/text/tokenizer_prompt.h"
#include "core/train/data/frame_store.h"
#include "core/train/windows/token_cache.h"
#include "core/train/windows/window_batch.h"

namespace deer {

struct CalvinWindowsOptions {
  enum class Part { training, validation, all };

  std::int64_t window = 12;  ///< steps
  Part part = Part::training;
  /// Share of the annotations kept for validation, whole ones and of every task alike. A store with a
  /// split called "validation" is divided by its splits instead.
  double validation_share = 0.05;
  bool balance_tasks = false;                 ///< every task gets as many windows as the others
  std::map<std::string, double> task_weight;  ///< how often a task is seen compared to the rest; 0 leaves it out
  /// Other ways to say a task: which one goes with a window is drawn by seed, the annotation's own
  /// instruction among them.
  std::map<std::string, std::vector<std::string>> phrasings;
  /// Another instruction for a window of recorded states, and the actions it asks for.
  struct Relabelled {
    std::string instruction;
    std::vector<float> actions;  ///< [steps, 7]
  };
  /// Called for `relabel_share` of the windows with robot_obs [steps, 15], scene_obs [steps, 24] and a random number;
  /// nothing leaves the window as it is. Must be thread-safe. For recordings whose experts can still be asked.
  std::function<std::optional<Relabelled>(std::span<const float>, std::span<const float>, std::uint64_t)> relabel;
  double relabel_share = 0;
  bool augment = true;  ///< image shift, token variants, phrasings and relabelling; without it all is as recorded
  /// Image shift in pixels of the store's pictures, drawn for each frame, as the reference's 10 and 4 at 224.
  /// Negative: those, scaled.
  int static_shift = -1, gripper_shift = -1;
};

/// Windows of consecutive frames, each inside one annotation, from a frame store. Gives tokens if there is a
/// token cache, else images.
class CalvinWindows final : public WindowSource {
 public:
  /// `tokens` may be null. Throws Error if no window is left, if an annotated frame has no action, or if
  /// a weight is negative.
  CalvinWindows(std::shared_ptr<const FrameStore> store, std::shared_ptr<const TokenCache> tokens,
                PromptEncoder prompts, CalvinWindowsOptions options = {});

  /// With weights or balanced tasks, windows are repeated or left out to that end.
  std::int64_t size() const override { return static_cast<std::int64_t>(places_.size()); }
  WindowBatch batch(std::span<const std::int64_t> windows, std::uint64_t seed) const override;

  struct Place {
    std::int64_t span = 0;   ///< index into the store's spans
    std::int64_t first = 0;  ///< its first frame in the store
  };
  const Place& place(std::int64_t window) const { return places_.at(static_cast<std::size_t>(window)); }

  /// Annotations shorter than a window, which give none.
  std::int64_t skipped_spans() const { return skipped_spans_; }
  /// Windows of each task.
  std::map<std::string, std::int64_t> windows_by_task() const;

 private:
  void list_places();
  std::optional<CalvinWindowsOptions::Relabelled> relabelled(const Place& place, std::uint64_t seed,
                                                             std::uint64_t window) const;
  const std::string& instruction(const FrameSpan& span, std::uint64_t seed, std::uint64_t window) const;

  std::shared_ptr<const FrameStore> store_;
  std::shared_ptr<const TokenCache> tokens_;
  PromptEncoder prompts_;
  CalvinWindowsOptions options_;
  std::vector<Place> places_;
  std::int64_t skipped_spans_ = 0;
};

}  // namespace deer
