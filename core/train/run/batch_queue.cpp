// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/run/batch_queue.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "core/train/base/seeded_random.h"

namespace deer {
namespace {

constexpr std::size_t kAhead = 2;

enum Purpose : std::uint64_t { kOrder = 1, kAugmentation, kExits, kDropout };

std::uint64_t derive(std::uint64_t seed, Purpose purpose, std::int64_t a, std::int64_t b = 0) {
  return SeededRandom({seed, purpose, static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b)}).next();
}

// The part's rows of the random choices for the whole batch.
ExitSample narrow(const ExitSample& sample, std::int64_t first, std::int64_t count) {
  return {sample.every_frame.narrow(0, first, count), sample.before_and_after.narrow(0, first, count),
          sample.switch_frame};
}

std::vector<BatchPart> make_parts(const WindowSource& source, const std::vector<std::int64_t>& windows,
                                  const BatchPlan& plan, std::int64_t step) {
  std::vector<BatchPart> out;
  const auto total = static_cast<std::int64_t>(windows.size());
  ExitSample sample;
  std::int64_t index = 0;
  for (std::int64_t first = 0; first < total; first += plan.windows_per_part, ++index) {
    if (index % plan.processes != plan.rank) continue;
    const auto count = std::min(plan.windows_per_part, total - first);
    BatchPart part;
    part.batch = source.batch({windows.data() + first, static_cast<std::size_t>(count)},
                              derive(plan.seed, kAugmentation, step, index));
    if (!sample.every_frame.defined()) {
      sample = sample_exits(plan.exits, total, part.batch.actions.size(1),
                            at::make_generator<at::CPUGeneratorImpl>(derive(plan.seed, kExits, step)));
    }
    part.sample = narrow(sample, first, count);
    part.dropout_seed = derive(plan.seed, kDropout, step, index);
    part.weight = static_cast<double>(count) / static_cast<double>(total);
    out.push_back(std::move(part));
  }
  return out;
}

}  // namespace

std::vector<std::int64_t> BatchPlan::windows_of(std::int64_t step) const {
  std::vector<std::int64_t> out;
  std::vector<std::int64_t> order;
  std::int64_t epoch = -1;
  for (std::int64_t i = step * batch; i < (step + 1) * batch; ++i) {
    if (i / windows != epoch) {
      epoch = i / windows;
      order = SeededRandom({derive(seed, kOrder, epoch)}).permutation(windows);
    }
    out.push_back(order[static_cast<std::size_t>(i % windows)]);
  }
  return out;
}

std::vector<BatchPart> BatchPlan::parts(const WindowSource& source, std::int64_t step) const {
  return make_parts(source, windows_of(step), *this, step);
}

std::vector<BatchPart> fixed_parts(const WindowSource& source, const std::vector<std::int64_t>& windows,
                                   const BatchPlan& plan) {
  return make_parts(source, windows, plan, 0);
}

BatchQueue::BatchQueue(const WindowSource& source, BatchPlan plan, std::int64_t first_step, std::int64_t end_step)
    : source_(source), plan_(plan), thread_([this, first_step, end_step](const std::stop_token& stop) {
        at::set_num_threads(1);
        fill(stop, first_step, end_step);
      }) {}

BatchQueue::~BatchQueue() {
  thread_.request_stop();
  changed_.notify_all();
}

void BatchQueue::fill(const std::stop_token& stop, std::int64_t first, std::int64_t end) {
  try {
    for (auto step = first; step < end && !stop.stop_requested(); ++step) {
      auto parts = plan_.parts(source_, step);
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [this] { return ready_.size() < kAhead; });
      ready_.push_back(std::move(parts));
      changed_.notify_all();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    changed_.notify_all();
  }
}

std::vector<BatchPart> BatchQueue::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !ready_.empty() || failure_; });
  if (ready_.empty()) std::rethrow_exception(failure_);
  auto parts = std::move(ready_.front());
  ready_.pop_front();
  changed_.notify_all();
  return parts;
}

}  // namespace deer
