// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "core/exits/engine.h"
#include "core/serve/fed_source.h"

namespace deer {

/// A run of another program while it happens: what it sees, and what its policy decides. A live source whose frames
/// come from elsewhere, with their results. Thread-safe: one thread adds frames, another takes them.
class ShownRun final : public FedSource {
 public:
  struct Frame {
    ObservationPtr seen;    ///< pictures may be null
    FrameRecordPtr record;  ///< never null; numbered by whoever takes it
  };

  static constexpr std::size_t kMostWaiting = 64;  ///< frames, with their pictures

  /// `summary`: of the policy; its path is empty.
  ShownRun(ModelSummary summary, ExitPolicy policy);

  const ModelSummary& summary() const { return summary_; }
  const ExitPolicy& policy() const { return policy_; }

  /// Waits until fewer than kMostWaiting frames wait, or it is closed. False if the time is over first.
  bool wait_for_room(std::chrono::milliseconds time);
  /// Does not wait. Called by one thread, after wait_for_room().
  void add(Frame frame);
  void finish();  ///< no frame will come any more
  void close();   ///< nobody will take one any more
  bool is_closed() const;

  bool is_ready() const;  ///< whether next() would not wait

  /// Result of the frame that next() gave last; null once it is closed.
  FrameRecordPtr newest() const;

  ObservationPtr next(std::stop_token stop) override;

 private:
  const ModelSummary summary_;
  const ExitPolicy policy_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Frame> waiting_;
  FrameRecordPtr newest_;
  bool finished_ = false;
  bool closed_ = false;
};

using ShownRunPtr = std::shared_ptr<ShownRun>;

/// An engine whose step() gives the results that came with the run's frames, and whose replays are those of
/// make_recorded_engine().
std::unique_ptr<Engine> make_shown_engine(ShownRunPtr run);

}  // namespace deer
