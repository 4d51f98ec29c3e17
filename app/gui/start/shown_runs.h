// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <memory>

#include "sessions/session/session.h"

namespace deer {

class RobotFeed;
class ShownRun;

/// Whether this build can show runs of other programs. Nothing below is of use without it.
bool can_show_runs();

/// Runs of other programs that are waiting for a session to open them, by their names.
class ShownRuns;
using ShownRunsPtr = std::shared_ptr<ShownRuns>;
ShownRunsPtr make_shown_runs();

/// Engines of such runs for their names, and of models for all other paths.
EngineFactory engines_with(const ShownRunsPtr& runs);

/// Waits for runs of other programs, and for robots that the session's model shall act on, and opens each as a live
/// source of the session when it comes. GUI thread only.
class ShownRunOpener : public QObject {
  Q_OBJECT

 public:
  /// `runs`: those of engines_with() that the session has. Throws Error if it cannot listen there.
  ShownRunOpener(Session* session, ShownRunsPtr runs, const QString& address, QObject* parent);
  ~ShownRunOpener() override;

  QString address() const;  ///< with the port that was chosen

 Q_SIGNALS:
  void opening(const QString& name);  ///< of the run that begins, or a robot's

 private:
  struct Parts;
  void open_run(const std::shared_ptr<ShownRun>& run);
  void open_robot(const std::shared_ptr<RobotFeed>& robot);
  void describe();

  std::unique_ptr<Parts> parts_;
};

}  // namespace deer
