// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/train/run/batch_gradients.h"

namespace deer {

/// Determines the windows and random choices of an optimiser step. Everything depends only on these numbers and the
/// step, so a resumed or distributed run equals an uninterrupted one.
struct BatchPlan {
  std::int64_t windows = 0;           ///< distinct windows of the source
  std::int64_t batch = 32;            ///< windows per step, over all processes
  std::int64_t windows_per_part = 8;  ///< maximum that one thread computes at once
  std::int64_t exits = 1;
  std::uint64_t seed = 0;  ///< of the stage
  int rank = 0;
  int processes = 1;

  /// Windows of a step: each epoch is a permutation of all windows, used in order.
  std::vector<std::int64_t> windows_of(std::int64_t step) const;

  /// This process's parts of a step.
  std::vector<BatchPart> parts(const WindowSource& source, std::int64_t step) const;
};

/// Parts of `windows` in order, independent of steps: this process's share for validation.
std::vector<BatchPart> fixed_parts(const WindowSource& source, const std::vector<std::int64_t>& windows,
                                   const BatchPlan& plan);

/// Prepares the batches of the next two steps on its own thread.
class BatchQueue {
 public:
  /// `source` must outlive the queue.
  BatchQueue(const WindowSource& source, BatchPlan plan, std::int64_t first_step, std::int64_t end_step);
  ~BatchQueue();

  /// The parts of the next step. Rethrows exceptions of the source.
  std::vector<BatchPart> next();

 private:
  void fill(const std::stop_token& stop, std::int64_t first, std::int64_t end);

  const WindowSource& source_;
  BatchPlan plan_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::vector<BatchPart>> ready_;
  std::exception_ptr failure_;
  std::jthread thread_;
};

}  // namespace deer
