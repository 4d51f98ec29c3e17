// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <memory>
#include <vector>

#include "core/exits/frame_record.h"
#include "sessions/threads/newest_request.h"
#include "sessions/threads/newest_task.h"
#include "sessions/threads/task_queue.h"

namespace deer {

class RecordedRun;

/// Reads the records of a recorded run, some at a time, on another thread: those around the frame that is shown first.
/// Its methods and signals belong to the thread that made it (the GUI thread) and never wait, save the destructor.
/// Answers carry the ticket that start() was given.
class RecordLoader : public QObject {
  Q_OBJECT

 public:
  explicit RecordLoader(QObject* parent = nullptr);

  /// Reads every frame, in the place of what was being read before.
  void start(Ticket ticket, std::shared_ptr<const RecordedRun> run, qint64 focus);
  /// Reads no more. The run is let go on the reading thread.
  void stop();

  /// Reads the features of one frame, without waiting for its turn: the newest request counts.
  void want_features(qint64 frame);

 Q_SIGNALS:
  void records(const deer::Ticket& ticket, const std::vector<deer::FrameRecordPtr>& batch);
  void features(const deer::Ticket& ticket, const deer::FrameRecordPtr& record);
  /// Once, however much cannot be read: what can is read all the same.
  void failed(const deer::Ticket& ticket, const QString& details);
  void finished(const deer::Ticket& ticket);

 private:
  void let_go();
  void read_next();
  void take(const Ticket& ticket, const std::vector<FrameRecordPtr>& batch, const QString& problem);

  Ticket ticket_;
  std::shared_ptr<const RecordedRun> run_;
  std::vector<qint64> chunks_;  ///< first frames of those to be read, the next one last
  int reading_ = 0;             ///< chunks that the queue has
  bool failed_ = false;
  TaskQueue queue_;
  NewestTask features_task_;
};

}  // namespace deer
