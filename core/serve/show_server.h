// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/serve/shown_run.h"

namespace deer {

/// Where a window waits for runs of other programs, one at a time (deerscope.connect in Python). Thread-safe.
class ShowServer {
 public:
  /// Called on a thread of the server when a run begins; must not wait. Whoever takes it reads its frames, and closes
  /// it when no more are wanted.
  using OnRun = std::function<void(ShownRunPtr run)>;

  /// `address`: of this machine only; see ServeAddress. Throws Error if it is not, or taken.
  ShowServer(const std::string& address, OnRun on_run);

  /// Closes the run that is being shown.
  ~ShowServer();
  ShowServer(const ShowServer&) = delete;
  ShowServer& operator=(const ShowServer&) = delete;

  /// With the port that was chosen.
  const std::string& address() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace deer
