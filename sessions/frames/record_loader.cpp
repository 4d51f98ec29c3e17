// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/frames/record_loader.h"

#include <algorithm>

#include "core/base/error.h"
#include "sessions/traces/recorded_run.h"

namespace deer {
namespace {

constexpr qint64 kChunk = 1024;
constexpr int kMostReading = 2;  // more would fill the queue of events faster than views draw

}  // namespace

RecordLoader::RecordLoader(QObject* parent) : QObject(parent) {}

void RecordLoader::start(Ticket ticket, std::shared_ptr<const RecordedRun> run, qint64 focus) {
  let_go();
  ticket_ = std::move(ticket);
  // What is shown, what follows it, and then what was before.
  const auto shown = std::max<qint64>(focus, 0) / kChunk * kChunk;
  for (qint64 first = 0; first < shown; first += kChunk) chunks_.push_back(first);
  const auto before = chunks_.size();
  for (qint64 first = shown; first < run->frames(); first += kChunk) chunks_.push_back(first);
  std::reverse(chunks_.begin() + static_cast<std::ptrdiff_t>(before), chunks_.end());
  run_ = std::move(run);
  read_next();
}

void RecordLoader::stop() { let_go(); }

void RecordLoader::let_go() {
  features_task_.forget();
  ticket_ = {};
  chunks_.clear();
  reading_ = 0;
  failed_ = false;
  // Closing a file may take a while.
  if (run_) queue_.post([run = std::move(run_)]() mutable { run.reset(); }, [] {}, [](const QString&) {});
  run_.reset();
}

void RecordLoader::want_features(qint64 frame) {
  if (!run_) return;
  features_task_.ask([this, ticket = ticket_, run = run_, frame](const std::stop_token& stop) {
    try {
      const auto record = run->records(frame, 1, true).front();
      if (stop.stop_requested()) return;
      QMetaObject::invokeMethod(
          this, [this, ticket, record] { Q_EMIT features(ticket, record); }, Qt::QueuedConnection);
    } catch (const std::exception&) {
      // Views say that the features are missing; a frame that cannot be read is told of by take().
    }
  });
}

void RecordLoader::read_next() {
  while (run_ && !chunks_.empty() && reading_ < kMostReading) {
    const auto first = chunks_.back();
    chunks_.pop_back();
    ++reading_;
    queue_.post(
        [run = run_, ticket = ticket_, first]() -> std::vector<FrameRecordPtr> {
          if (ticket.stop.stop_requested()) return {};
          return run->records(first, std::min(kChunk, run->frames() - first), run->features_fit());
        },
        [this, ticket = ticket_](const std::vector<FrameRecordPtr>& batch) { take(ticket, batch, {}); },
        [this, ticket = ticket_](const QString& problem) { take(ticket, {}, problem); });
  }
}

void RecordLoader::take(const Ticket& ticket, const std::vector<FrameRecordPtr>& batch, const QString& problem) {
  if (!run_ || !(ticket == ticket_)) return;
  --reading_;
  read_next();
  const bool last = reading_ == 0 && chunks_.empty();
  const bool first_failure = !problem.isEmpty() && !std::exchange(failed_, true);
  if (!batch.empty()) Q_EMIT records(ticket, batch);
  if (first_failure) Q_EMIT failed(ticket, problem);
  if (last) Q_EMIT finished(ticket);
}

}  // namespace deer
