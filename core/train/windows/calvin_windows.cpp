// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/windows/calvin_windows.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/train/base/seeded_random.h"
#include "core/train/data/image_batch.h"

namespace deer {
namespace {

// Purposes of random numbers, so that one seed serves all of them.
enum Draw : std::uint64_t { kStaticShift, kGripperShift, kVariant, kPhrasing, kRelabel };

int scaled_shift(int wanted, double at_224, std::int64_t image_size) {
  return wanted >= 0 ? wanted : static_cast<int>(std::lround(at_224 * static_cast<double>(image_size) / 224));
}

// True for the spans used for validation, by the rule in CalvinWindowsOptions.
std::vector<bool> validation_spans(const FrameStore& store, double share) {
  const auto& spans = store.spans();
  const auto is_named = [](const FrameSpan& span) { return span.split == "validation"; };
  std::vector<bool> out(spans.size(), false);
  if (std::any_of(spans.begin(), spans.end(), is_named)) {
    std::transform(spans.begin(), spans.end(), out.begin(), is_named);
    return out;
  }
  if (share <= 0) return out;
  const auto every = std::max<std::int64_t>(2, std::llround(1 / share));
  std::map<std::string, std::int64_t> seen;
  for (std::size_t i = 0; i < spans.size(); ++i) out[i] = ++seen[spans[i].task] % every == 0;
  return out;
}

at::Tensor numbers(const std::vector<std::int64_t>& values, std::int64_t rows, std::int64_t columns) {
  return at::from_blob(const_cast<std::int64_t*>(values.data()), {rows, columns}, at::kLong).clone();
}

}  // namespace

CalvinWindows::CalvinWindows(std::shared_ptr<const FrameStore> store, std::shared_ptr<const TokenCache> tokens,
                             PromptEncoder prompts, CalvinWindowsOptions options)
    : store_(std::move(store)), tokens_(std::move(tokens)), prompts_(std::move(prompts)), options_(std::move(options)) {
  if (options_.window < 1) throw Error("a window must have at least one step");
  options_.static_shift = scaled_shift(options_.static_shift, 10, store_->image_size());
  options_.gripper_shift = scaled_shift(options_.gripper_shift, 4, store_->image_size());
  list_places();
}

std::vector<CalvinWindows::Group> CalvinWindows::annotated_places() {
  const auto& spans = store_->spans();
  const auto for_validation = validation_spans(*store_, options_.validation_share);
  std::map<std::string, std::vector<Place>> by_task;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const auto& span = spans[i];
    if (options_.part != CalvinWindowsOptions::Part::all &&
        for_validation[i] != (options_.part == CalvinWindowsOptions::Part::validation)) {
      continue;
    }
    if (span.length() < options_.window) {
      ++skipped_spans_;
      continue;
    }
    if (!at::isfinite(store_->rel_actions().narrow(0, span.first, span.length())).all().item<bool>()) {
      throw FileError(store_->folder(), "the annotation \"" + printable(span.instruction, 40) + "\" at frame " +
                                            std::to_string(span.first) + " has frames without rel_actions");
    }
    for (auto first = span.first; first + options_.window - 1 <= span.last; ++first) {
      by_task[span.task].push_back({static_cast<std::int64_t>(i), first});
    }
  }
  std::vector<Group> out;
  for (auto& [task, places] : by_task) out.push_back({task, nullptr, std::move(places)});
  return out;
}

double CalvinWindows::weight_of(const std::string& task) const {
  const auto weight = options_.task_weight.find(task);
  const double factor = weight == options_.task_weight.end() ? 1 : weight->second;
  if (!(factor >= 0) || !std::isfinite(factor)) {
    throw Error("the weight of task " + printable(task, 40) + " is " + general_text(factor, 6) +
                ", expected a number of at least 0");
  }
  return factor;
}

void CalvinWindows::list_places() {
  const auto groups = options_.locate ? frames_with_blocks() : annotated_places();
  std::int64_t all = 0;
  std::map<std::string, double> of_task;
  for (const auto& group : groups) {
    const auto count = static_cast<std::int64_t>(group.places.size());
    all += count;
    of_task[group.task] += static_cast<double>(count);
  }

  const bool as_is = !options_.balance_tasks && options_.task_weight.empty();
  std::vector<double> shares;
  double total = 0;
  for (const auto& group : groups) {
    const auto count = static_cast<double>(group.places.size());
    double share = weight_of(group.task) * (options_.balance_tasks ? count / of_task[group.task] : count);
    if (group.annotated != nullptr) share *= weight_of(group.annotated);
    shares.push_back(share);
    total += share;
  }
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto& places = groups[g].places;
    const auto have = static_cast<std::int64_t>(places.size());
    const auto want = as_is ? have : std::llround(static_cast<double>(all) * shares[g] / std::max(total, 1e-300));
    for (std::int64_t i = 0; i < want; ++i) places_.push_back(places[static_cast<std::size_t>(i * have / want)]);
  }
  if (places_.empty() && options_.locate) throw Error("there is no frame in which a block could be meant");
  if (places_.empty()) {
    throw Error("no annotation is long enough for a window of " + std::to_string(options_.window) +
                " steps: " + std::to_string(skipped_spans_) + " are shorter");
  }
}

std::vector<CalvinWindows::Group> CalvinWindows::frames_with_blocks() {
  if (options_.window != 1 || !options_.experts.relabel || !options_.experts.tasks_about_blocks) {
    throw Error("to locate blocks, windows must have one step, and experts are needed");
  }
  // Of whole stretches: frames that follow each other look alike.
  const auto& stretches = store_->stretches();
  const bool by_split = std::ranges::any_of(stretches, [](const auto& s) { return s.split == "validation"; });
  const auto every = options_.validation_share > 0
                         ? std::max<std::int64_t>(2, std::llround(1 / options_.validation_share))
                         : std::numeric_limits<std::int64_t>::max();
  std::vector<bool> annotated(static_cast<std::size_t>(store_->size()), false);
  for (const auto& span : store_->spans()) {
    std::fill(annotated.begin() + span.first, annotated.begin() + span.last + 1, true);
  }
  std::map<std::pair<std::string, bool>, std::vector<Place>> found;
  std::int64_t number = 0;
  for (const auto& stretch : stretches) {
    const bool validation = by_split ? stretch.split == "validation" : ++number % every == 0;
    const bool wanted = options_.part == CalvinWindowsOptions::Part::all ||
                        validation == (options_.part == CalvinWindowsOptions::Part::validation);
    for (auto frame = stretch.first; wanted && frame <= stretch.last; ++frame) {
      const Place place{-1, frame};
      const auto [robot, scene, blocks] = states_of(place);
      for (auto& task : options_.experts.tasks_about_blocks(robot, scene, blocks)) {
        found[{std::move(task), annotated[static_cast<std::size_t>(frame)]}].push_back(place);
      }
    }
  }
  std::vector<Group> out;
  for (auto& [key, places] : found) {
    const auto& [task, has_annotation] = key;
    if (located_tasks_.empty() || located_tasks_.back() != task) located_tasks_.push_back(task);
    for (auto& place : places) place.task = static_cast<std::int32_t>(located_tasks_.size()) - 1;
    out.push_back({task, has_annotation ? CalvinWindowsOptions::kAnnotated : CalvinWindowsOptions::kUnannotated,
                   std::move(places)});
  }
  return out;
}

std::map<std::string, std::int64_t> CalvinWindows::windows_by_task() const {
  std::map<std::string, std::int64_t> out;
  for (const auto& place : places_) {
    ++out[place.span < 0 ? located_tasks_[static_cast<std::size_t>(place.task)]
                         : store_->spans()[static_cast<std::size_t>(place.span)].task];
  }
  return out;
}

const std::string& CalvinWindows::instruction(const FrameSpan& span, std::uint64_t seed, std::uint64_t window) const {
  const auto others = options_.phrasings.find(span.task);
  if (!options_.augment || others == options_.phrasings.end()) return span.instruction;
  const auto count = static_cast<std::int64_t>(others->second.size());
  const auto choice = SeededRandom{seed, window, kPhrasing}.below(count + 1);
  return choice == count ? span.instruction : others->second[static_cast<std::size_t>(choice)];
}

std::optional<CalvinWindowsOptions::Relabelled> CalvinWindows::relabelled(const Place& place, std::uint64_t seed,
                                                                          std::uint64_t window) const {
  SeededRandom random{seed, window, kRelabel};
  if (place.span < 0) {
    auto found = with_another_task(place, random.next());
    if (!found || !found->meant_block) {
      throw Error("frame " + std::to_string(place.first) + " has no block for task " +
                  located_tasks_[static_cast<std::size_t>(place.task)]);
    }
    return found;
  }
  if (!options_.augment || !options_.experts.relabel || options_.relabel_share <= 0) return std::nullopt;
  if (random.uniform(0, 1) >= options_.relabel_share) return std::nullopt;
  return with_another_task(place, random.next());
}

std::array<CalvinWindowsOptions::Experts::Rows, 3> CalvinWindows::states_of(const Place& place) const {
  const auto rows = [&](const at::Tensor& all) {
    const auto part = all.narrow(0, place.first, options_.window);
    return std::span<const float>(part.data_ptr<float>(), static_cast<std::size_t>(part.numel()));
  };
  return {rows(store_->robot_obs()), rows(store_->scene_obs()), rows(store_->blocks())};
}

std::optional<CalvinWindowsOptions::Relabelled> CalvinWindows::with_another_task(const Place& place,
                                                                                 std::uint64_t seed) const {
  static const std::string any;
  const auto& task = place.task < 0 ? any : located_tasks_[static_cast<std::size_t>(place.task)];
  const auto [robot, scene, blocks] = states_of(place);
  return options_.experts.relabel(robot, scene, blocks, task, seed);
}

WindowBatch CalvinWindows::batch(std::span<const std::int64_t> windows, std::uint64_t seed) const {
  const auto count = static_cast<std::int64_t>(windows.size());
  const auto steps = options_.window;
  std::vector<std::int64_t> frames;
  std::vector<std::string> instructions;
  std::vector<PixelShift> static_shifts, gripper_shifts;
  std::vector<int> variants;
  std::vector<std::optional<CalvinWindowsOptions::Relabelled>> other_actions;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    if (windows[i] < 0 || windows[i] >= size()) {
      throw Error("window " + std::to_string(windows[i]) + " is not in 0 to " + std::to_string(size() - 1));
    }
    const auto& place = this->place(windows[i]);
    // The index in the batch is part of the seed, so that repeated windows are augmented differently.
    const auto row_seed = SeededRandom{seed, static_cast<std::uint64_t>(i)}.next();
    for (std::int64_t step = 0; step < steps; ++step) {
      const auto frame = place.first + step;
      const auto number = static_cast<std::uint64_t>(frame);
      frames.push_back(frame);
      if (!options_.augment) continue;
      if (tokens_) {
        variants.push_back(static_cast<int>(SeededRandom{row_seed, number, kVariant}.below(tokens_->variants())));
      } else {
        static_shifts.push_back(random_shift(row_seed, number, kStaticShift, options_.static_shift));
        gripper_shifts.push_back(random_shift(row_seed, number, kGripperShift, options_.gripper_shift));
      }
    }
    other_actions.push_back(relabelled(place, row_seed, static_cast<std::uint64_t>(i)));
    instructions.push_back(other_actions.back() ? other_actions.back()->instruction
                                                : instruction(store_->spans()[static_cast<std::size_t>(place.span)],
                                                              row_seed, static_cast<std::uint64_t>(i)));
  }

  WindowBatch out;
  const auto in_windows = [&](const at::Tensor& flat) { return flat.unflatten(0, {count, steps}); };
  if (tokens_) {
    out.static_tokens = in_windows(tokens_->static_tokens(frames, variants));
    out.gripper_tokens = in_windows(tokens_->gripper_tokens(frames, variants));
  } else {
    out.rgb_static = in_windows(read_images(store_->static_images(), frames, static_shifts));
    out.rgb_gripper = in_windows(read_images(store_->gripper_images(), frames, gripper_shifts));
  }
  const auto prompts = prompts_.encode(instructions);
  out.input_ids = numbers(prompts.input_ids, prompts.rows, prompts.columns);
  out.attention_mask = numbers(prompts.attention_mask, prompts.rows, prompts.columns);
  const auto index = numbers(frames, 1, count * steps).view({-1});
  out.actions = in_windows(store_->rel_actions().index_select(0, index));
  for (std::size_t i = 0; i < other_actions.size(); ++i) {
    if (!other_actions[i]) continue;
    const auto action = out.actions[static_cast<std::int64_t>(i)];
    if (options_.locate) {
      const auto& block = *other_actions[i]->meant_block;
      action.narrow(1, 0, 6).zero_();
      for (std::int64_t k = 0; k < 3; ++k) {
        action[0][k] = CalvinWindowsOptions::kLocateScale * block[static_cast<std::size_t>(k)];
      }
      action[0][5] = block[3] / (std::numbers::pi / 4);
      action[0][6] = action[0][6].item<float>() > 0 ? 1 : -1;
    } else {
      action.copy_(at::tensor(other_actions[i]->actions).view({steps, -1}));
    }
  }
  return out;
}

}  // namespace deer
