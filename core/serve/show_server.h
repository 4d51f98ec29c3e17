// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/serve/robot_feed.h"
#include "core/serve/shown_run.h"

namespace deer {

/// Where a window waits for runs of other programs (deerscope.connect in Python) and for robots that its model shall
/// act on (deerscope.Engine), one of each at a time. Thread-safe.
class ShowServer {
 public:
  /// Called on a thread of the server when a run begins; must not wait. Whoever takes it reads its frames, and closes
  /// it when no more are wanted.
  using OnRun = std::function<void(ShownRunPtr run)>;

  /// Likewise when a robot comes. Whoever takes it answers its frames, and closes it when no more are wanted.
  using OnRobot = std::function<void(RobotFeedPtr robot)>;

  /// `address`: of this machine only; see ServeAddress. Throws Error if it is not, or taken.
  ShowServer(const std::string& address, OnRun on_run, OnRobot on_robot);

  /// Closes the run that is being shown, and the robot's.
  ~ShowServer();
  ShowServer(const ShowServer&) = delete;
  ShowServer& operator=(const ShowServer&) = delete;

  /// What robots are told of the window's model, and the policy that decides; none: they are refused.
  void describe(std::optional<ModelSummary> model, const ExitPolicy& policy);

  /// With the port that was chosen.
  const std::string& address() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace deer
