// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
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
  /// Share of whole annotations held out for validation, equal for every task. A store with a split called "validation"
  /// is divided by its splits instead.
  double validation_share = 0.05;
  bool balance_tasks = false;                 ///< gives every task the same number of windows
  std::map<std::string, double> task_weight;  ///< how often a task is sampled relative to the others; 0: never
  /// Alternative phrasings of a task: one is drawn for each window, including the annotation's own instruction.
  std::map<std::string, std::vector<std::string>> phrasings;
  /// Another instruction for a window of recorded states, and its actions.
  struct Relabelled {
    std::string instruction;
    std::vector<float> actions;  ///< [steps, 7]
    /// The block that the instruction refers to: from the TCP to it (m), and how far the hand has to turn to grasp it
    /// (rad, at most π/4 either way). None if it refers to no block.
    std::optional<std::array<double, 4>> meant_block = {};
  };
  /// Experts for recorded states: robot_obs [steps, 15], scene_obs [steps, 24], blocks [steps, 8, 8]
  /// (FrameStore::blocks()). Both must be thread-safe.
  struct Experts {
    using Rows = std::span<const float>;
    /// Called for `relabel_share` of the windows with a task's name (empty: any) and a random number. An empty result
    /// keeps the window unchanged.
    std::function<std::optional<Relabelled>(Rows robot_obs, Rows scene_obs, Rows blocks, const std::string& task,
                                            std::uint64_t seed)>
        relabel;
    /// For `locate`: the tasks for which `relabel` always finds an instruction that refers to a block.
    std::function<std::vector<std::string>(Rows robot_obs, Rows scene_obs, Rows blocks)> tasks_about_blocks;
  };
  Experts experts;  ///< empty unless the recordings are of the simulated world
  double relabel_share = 0;
  /// In place of windows with actions, single frames with the place of a block: every frame, annotated or not, once for
  /// each task about a block that it could begin with. Of its "action", the position is kLocateScale times that of
  /// Relabelled::meant_block, the yaw the turn in units of π/4, and the others 0. `task_weight` of kAnnotated and
  /// kUnannotated applies in addition to that of the task.
  bool locate = false;
  static constexpr double kLocateScale =
      1.5;  ///< per m: the arm's outputs end at 1, and few blocks are farther than that
  static constexpr const char* kAnnotated = "annotated";
  static constexpr const char* kUnannotated = "unannotated";
  bool augment = true;  ///< image shift, token variants, phrasings and relabelling; off: everything as recorded
  /// Image shift in pixels of the store's images, drawn for each frame. Negative: the reference's 10 and 4 at 224,
  /// scaled.
  int static_shift = -1, gripper_shift = -1;
};

/// Windows of consecutive frames, each inside one annotation, from a frame store. Returns tokens if there is a
/// token cache, otherwise images.
class CalvinWindows final : public WindowSource {
 public:
  /// `tokens` may be null. Throws Error if no window remains, an annotated frame has no action, a weight is
  /// negative, or blocks are to be located in longer windows or without `experts`.
  CalvinWindows(std::shared_ptr<const FrameStore> store, std::shared_ptr<const TokenCache> tokens,
                PromptEncoder prompts, CalvinWindowsOptions options = {});

  /// With weights or balanced tasks, windows are repeated or skipped accordingly.
  std::int64_t size() const override { return static_cast<std::int64_t>(places_.size()); }
  WindowBatch batch(std::span<const std::int64_t> windows, std::uint64_t seed) const override;

  struct Place {
    std::int64_t span = 0;   ///< index into the store's spans; -1: a frame in which a block is located
    std::int64_t first = 0;  ///< its first frame in the store
    std::int32_t task = -1;  ///< to locate a block: index into located_tasks()
  };
  const Place& place(std::int64_t window) const { return places_.at(static_cast<std::size_t>(window)); }

  /// Names of the tasks for which blocks are located.
  const std::vector<std::string>& located_tasks() const { return located_tasks_; }

  /// Number of annotations shorter than a window.
  std::int64_t skipped_spans() const { return skipped_spans_; }
  /// Windows per task.
  std::map<std::string, std::int64_t> windows_by_task() const;

 private:
  // Places that are drawn alike.
  struct Group {
    std::string task;
    const char* annotated = nullptr;  ///< kAnnotated or kUnannotated, to locate blocks
    std::vector<Place> places;
  };
  void list_places();
  std::vector<Group> annotated_places();
  std::vector<Group> frames_with_blocks();
  double weight_of(const std::string& task) const;
  // robot_obs, scene_obs, blocks.
  std::array<CalvinWindowsOptions::Experts::Rows, 3> states_of(const Place& place) const;
  std::optional<CalvinWindowsOptions::Relabelled> with_another_task(const Place& place, std::uint64_t seed) const;
  std::optional<CalvinWindowsOptions::Relabelled> relabelled(const Place& place, std::uint64_t seed,
                                                             std::uint64_t window) const;
  const std::string& instruction(const FrameSpan& span, std::uint64_t seed, std::uint64_t window) const;

  std::shared_ptr<const FrameStore> store_;
  std::shared_ptr<const TokenCache> tokens_;
  PromptEncoder prompts_;
  CalvinWindowsOptions options_;
  std::vector<Place> places_;
  std::vector<std::string> located_tasks_;
  std::int64_t skipped_spans_ = 0;
};

}  // namespace deer
