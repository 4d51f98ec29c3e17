// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/budget/cost_model.h"
#include "core/exits/engine.h"

namespace deer::serve {

/// A client's rollout. Its engine is used on the engine's thread only.
struct ServedRollout {
  std::unique_ptr<Engine> engine;
  std::optional<CostModel> cost;  ///< none if the sizes of the network are unknown
};

using ServedRolloutPtr = std::shared_ptr<ServedRollout>;

/// The open rollouts by their names, which nobody can guess. Thread-safe.
class Rollouts {
 public:
  using Clock = std::chrono::steady_clock;

  /// Of `most` rollouts none is closed to make room for others, but those that were not used for `idle` are.
  Rollouts(std::size_t most, std::chrono::seconds idle) : most_(most), idle_(idle) {}

  /// Its name. Empty if there are too many.
  std::string add(ServedRolloutPtr rollout);

  /// Null if there is none of that name. Counts as a use.
  ServedRolloutPtr find(const std::string& name);

  bool remove(const std::string& name);
  std::size_t count() const;
  std::size_t most() const { return most_; }

 private:
  struct Entry {
    ServedRolloutPtr rollout;
    Clock::time_point used;
  };

  const std::size_t most_;
  const std::chrono::seconds idle_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace deer::serve
