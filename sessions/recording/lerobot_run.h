// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <filesystem>
#include <stop_token>

#include "sessions/session/session.h"
#include "sessions/threads/task_queue.h"

namespace deer {

/// Writes the open episode, and what the model did on it so far, as a LeRobot dataset. GUI thread only; files are read
/// and written on a thread of its own, and no call waits but the destructor, for the frame under way.
class LerobotRun : public QObject {
  Q_OBJECT

 public:
  /// `session` must outlive it.
  explicit LerobotRun(Session* session, QObject* parent = nullptr);
  ~LerobotRun() override;

  /// Whether a recorded episode is open, nothing happens to its records, and nothing is being written.
  bool can_write() const;
  /// `folder` must be absent or empty.
  void write(const std::filesystem::path& folder);
  bool writing() const { return writing_; }

 Q_SIGNALS:
  void changed();
  void finished(const std::filesystem::path& folder, qint64 frames);
  void failed(const QString& message);

 private:
  Session* session_;
  bool writing_ = false;
  std::stop_source stop_;
  TaskQueue task_;  // last: it uses the others
};

}  // namespace deer
