// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/debug/frame_scan.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "sessions/session/session.h"

namespace deer {
namespace {

constexpr qint64 kStretch = 8192;  // frames; a few milliseconds of the worker's time, and tenths of the GUI thread's

struct Task {
  quint64 generation = 0;
  std::shared_ptr<const ScanProgram> program;
  qint64 first = 0;
  std::vector<FrameRecordPtr> records;  ///< the one before the first frame, then those of the frames
};

/// Expressions, ready to be asked.
struct Compiled {
  explicit Compiled(const ScanProgram& program) : values(program.facts) {
    for (const auto& text : program.conditions) conditions.push_back(compile(text));
    for (const auto& text : program.watches) watches.push_back(compile(text));
  }

  std::optional<Expression> compile(const std::string& text) const {
    try {
      return Expression(text, values.variables());
    } catch (const ExpressionError&) {
      return std::nullopt;  // whoever gave it to us has told the person
    }
  }

  FrameValues values;
  std::vector<std::optional<Expression>> conditions;
  std::vector<std::optional<Expression>> watches;
};

}  // namespace

class FrameScan::Worker {
 public:
  ScanResult run(const Task& task) {
    if (!compiled_ || generation_ != task.generation) {
      compiled_.emplace(*task.program);
      generation_ = task.generation;
    }
    ScanResult out;
    out.first = task.first;
    out.count = static_cast<qint64>(task.records.size()) - 1;
    out.hits.resize(compiled_->conditions.size());
    out.watches.assign(compiled_->watches.size(), std::vector<float>(static_cast<std::size_t>(out.count),
                                                                     std::numeric_limits<float>::quiet_NaN()));
    for (qint64 i = 0; i < out.count; ++i) {
      const auto* const before = task.records[static_cast<std::size_t>(i)].get();
      const auto* const record = task.records[static_cast<std::size_t>(i) + 1].get();
      if (record) ask(*record, before, static_cast<std::size_t>(i), out);
    }
    for (const auto& event : out.events) {
      if (event.kind == FrameEventKind::exit_change) out.exit_changes.push_back(event.frame);
      if (event.kind == FrameEventKind::gripper_opens) out.gripper_opens.push_back(event.frame);
      if (event.kind == FrameEventKind::gripper_closes) out.gripper_closes.push_back(event.frame);
    }
    return out;
  }

 private:
  void ask(const FrameRecord& record, const FrameRecord* before, std::size_t place, ScanResult& out) {
    append_events(record, before, compiled_->values.facts().exit_layers, out.events);
    if (out.hits.empty() && out.watches.empty()) return;
    compiled_->values.set(record, before);
    for (std::size_t k = 0; k < out.hits.size(); ++k) {
      const auto& condition = compiled_->conditions[k];
      if (condition && condition->holds()) out.hits[k].push_back(record.frame);
    }
    for (std::size_t k = 0; k < out.watches.size(); ++k) {
      const auto& watch = compiled_->watches[k];
      if (watch) out.watches[k][place] = static_cast<float>(watch->value());
    }
  }

  std::optional<Compiled> compiled_;
  quint64 generation_ = 0;
};

FrameScan::FrameScan(Session* session, QObject* parent)
    : QObject(parent),
      session_(session),
      program_(std::make_shared<ScanProgram>()),
      worker_(std::make_shared<Worker>()),
      queue_(nullptr, QThread::LowPriority) {
  connect(session, &Session::records_changed, this, &FrameScan::mark);
  connect(session, &Session::episode_changed, this, [this] {
    ++generation_;
    busy_ = false;
    dirty_first_ = 0;
    dirty_last_ = -1;
    mark(0, session_->frame_count() - 1);
  });
}

FrameScan::~FrameScan() = default;

void FrameScan::set_program(ScanProgram program) {
  program_ = std::make_shared<ScanProgram>(std::move(program));
  ++generation_;
  busy_ = false;
  dirty_first_ = 0;
  dirty_last_ = -1;
  mark(0, session_->frame_count() - 1);
}

void FrameScan::mark(qint64 first, qint64 last) {
  // What happens at a frame depends on the one before it.
  last = std::min(last + 1, session_->frame_count() - 1);
  if (last < first) return;
  if (dirty_first_ > dirty_last_) {
    dirty_first_ = first;
    dirty_last_ = last;
  } else {
    dirty_first_ = std::min(dirty_first_, first);
    dirty_last_ = std::max(dirty_last_, last);
  }
  feed();
}

void FrameScan::feed() {
  if (busy_ || dirty_first_ > dirty_last_) return;
  Task task;
  task.generation = generation_;
  task.program = program_;
  task.first = dirty_first_;
  const auto end = std::min(dirty_last_ + 1, dirty_first_ + kStretch);
  task.records.reserve(static_cast<std::size_t>(end - dirty_first_ + 1));
  for (auto frame = dirty_first_ - 1; frame < end; ++frame) task.records.push_back(session_->record(frame));
  dirty_first_ = end;
  busy_ = true;
  queue_.post([worker = worker_, task = std::move(task)] { return worker->run(task); },
              [this, generation = generation_](const ScanResult& answer) { take(generation, answer); },
              [](const QString& problem) { qWarning("%s", qUtf8Printable(problem)); });
}

void FrameScan::take(quint64 generation, const ScanResult& answer) {
  if (generation != generation_) return;
  busy_ = false;
  Q_EMIT result(answer);
  if (generation != generation_) return;
  feed();
  if (finished()) Q_EMIT scan_finished();
}

}  // namespace deer
