// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <memory>
#include <string>
#include <vector>

#include "core/debug/frame_event.h"
#include "core/debug/frame_values.h"
#include "sessions/threads/task_queue.h"

namespace deer {

class Session;

/// What is asked of every frame.
struct ScanProgram {
  FrameFacts facts;
  std::vector<std::string> conditions;  ///< one that is no expression holds nowhere
  std::vector<std::string> watches;     ///< one that is no expression has no value
};

/// Answers for frames first to first + count - 1.
struct ScanResult {
  qint64 first = 0;
  qint64 count = 0;
  std::vector<std::vector<qint64>> hits;    ///< a list of frames for each condition
  std::vector<std::vector<float>> watches;  ///< a value a frame for each watch; NaN: not known
  std::vector<FrameEvent> events;           ///< in order of frames
  std::vector<qint64> exit_changes;
  std::vector<qint64> gripper_opens;
  std::vector<qint64> gripper_closes;
};

/// Goes over a session's records on another thread, a stretch at a time, and again over those that change. GUI
/// thread only; no call waits but the destructor, for one stretch.
class FrameScan : public QObject {
  Q_OBJECT

 public:
  explicit FrameScan(Session* session, QObject* parent = nullptr);
  ~FrameScan() override;

  /// Everything is asked anew. Answers to the program before do not come any more.
  void set_program(ScanProgram program);
  const ScanProgram& program() const { return *program_; }

  bool finished() const { return !busy_ && dirty_first_ > dirty_last_; }

 Q_SIGNALS:
  void result(const deer::ScanResult& result);
  void scan_finished();  ///< every record there is was asked

 private:
  class Worker;

  void mark(qint64 first, qint64 last);
  void feed();
  void take(quint64 generation, const ScanResult& result);

  Session* session_;
  std::shared_ptr<const ScanProgram> program_;
  quint64 generation_ = 0;
  qint64 dirty_first_ = 0;
  qint64 dirty_last_ = -1;
  bool busy_ = false;
  std::shared_ptr<Worker> worker_;  ///< used by the queue's tasks
  TaskQueue queue_;
};

}  // namespace deer
