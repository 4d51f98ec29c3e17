// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/similarity.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/session/live_session.h"
#include "sessions/session/trace_session.h"
#include "sessions/traces/recorded_run.h"

namespace deer {
namespace {

constexpr qint64 kBlock = 256;
constexpr std::size_t kAtOnce = 64;          // frames of a task
constexpr int kMostComparing = 2;            // one task runs while the answer of the one before is on its way
constexpr std::size_t kMostCkaFrames = 600;  // a second or two for the largest published model
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// At most `most` of `records`, evenly spaced.
std::vector<FrameRecordPtr> thinned(std::vector<FrameRecordPtr> records, std::size_t most) {
  if (records.size() <= most) return records;
  std::vector<FrameRecordPtr> out;
  for (std::size_t i = 0; i < most; ++i) out.push_back(records[i * (records.size() - 1) / (most - 1)]);
  return out;
}

/// The record of a frame with its features, from the run if it lacks them. Throws FileError.
FrameRecordPtr featured(const FrameRecordPtr& record, const RecordedRun* run) {
  if (!run || has_features(*record)) return record;
  const auto read = run->records(record->frame, 1, true);
  return read.empty() ? record : read.front();
}

}  // namespace

Similarity::Similarity(Session* session, QObject* parent) : QObject(parent), session_(session) {
  connect(session, &Session::model_changed, this, &Similarity::start_anew);
  connect(session, &Session::episode_changed, this, &Similarity::start_anew);
  connect(session->live(), &LiveSession::frames_added, this, [this](qint64, qint64 last) { grow(last + 1); });
  connect(session, &Session::records_changed, this, &Similarity::look_at);
  connect(session->trace(), &TraceSession::features_ready, this, [this](qint64 frame) { look_at(frame, frame); });
  start_anew();
}

void Similarity::start_anew() {
  const auto* const model = session_->model();
  layers_ = model ? model->exit_layers : std::vector<int>{};
  cosines_.clear();
  asked_.clear();
  blocks_.clear();
  known_ = 0;
  ++rollout_;
  run_ = std::dynamic_pointer_cast<const RecordedRun>(session_->frames()->source());
  cka_task_.forget();
  cka_.reset();
  answered_cka_ = ++wanted_cka_;
  waiting_.clear();
  comparing_ = 0;
  grow(session_->frame_count());
  Q_EMIT started_anew();
  look_at(0, frames() - 1);
}

void Similarity::grow(qint64 frames) {
  cosines_.resize(static_cast<std::size_t>(frames));
  asked_.resize(static_cast<std::size_t>(frames), false);
  const auto pairs = pair_count(exits());
  blocks_.resize(static_cast<std::size_t>((frames + kBlock - 1) / kBlock),
                 {std::vector<double>(pairs, 0), std::vector<qint64>(pairs, 0), 0});
}

void Similarity::look_at(qint64 first, qint64 last) {
  if (layers_.empty()) return;
  std::vector<Looked> wanted, first_of_all;
  for (qint64 frame = std::max<qint64>(first, 0); frame <= std::min(last, frames() - 1); ++frame) {
    const auto place = static_cast<std::size_t>(frame);
    // Features that came for a frame that is shown: it need not wait for its turn.
    const bool again = asked_[place] && run_ && cosines_[place].empty();
    if (asked_[place] && !again) continue;
    auto record = session_->record(frame);
    if (!record || (again && !has_features(*record))) continue;
    asked_[place] = true;
    (again ? first_of_all : wanted).push_back({frame, std::move(record), {}});
  }
  if (wanted.empty() && first_of_all.empty()) return;
  std::move(wanted.begin(), wanted.end(), std::back_inserter(waiting_));
  std::move(first_of_all.begin(), first_of_all.end(), std::front_inserter(waiting_));
  compare_next();
}

void Similarity::compare_next() {
  while (comparing_ < kMostComparing && !waiting_.empty()) {
    std::vector<Looked> task;
    while (!waiting_.empty() && task.size() < kAtOnce) {
      task.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    ++comparing_;
    queue_.post(
        [task = std::move(task), layers = layers_, run = run_]() mutable {
          try {
            for (auto& one : task) {
              one.cosines = feature_cosines(*featured(one.record, run.get()), layers);
              one.record.reset();
            }
          } catch (const Error& error) {
            qWarning("%s", error.what());
          }
          return std::move(task);
        },
        [this, rollout = rollout_](std::vector<Looked> looked) { take(rollout, std::move(looked)); },
        [](const QString& problem) { qWarning("%s", qUtf8Printable(problem)); });
  }
}

void Similarity::take(quint64 rollout, std::vector<Looked> looked) {
  if (rollout != rollout_) return;
  --comparing_;
  compare_next();
  for (auto& one : looked) {
    auto& known = cosines_[static_cast<std::size_t>(one.frame)];
    if (one.cosines.empty() || !known.empty()) continue;
    auto& block = blocks_[static_cast<std::size_t>(one.frame / kBlock)];
    for (std::size_t pair = 0; pair < one.cosines.size(); ++pair) {
      if (std::isnan(one.cosines[pair])) continue;
      block.sum[pair] += static_cast<double>(one.cosines[pair]);
      ++block.count[pair];
    }
    ++block.known;
    ++known_;
    known = std::move(one.cosines);
  }
  const auto [low, high] = std::minmax_element(looked.begin(), looked.end(),
                                               [](const Looked& a, const Looked& b) { return a.frame < b.frame; });
  Q_EMIT cosines_changed(low->frame, high->frame);
}

double Similarity::cosine(qint64 frame, std::size_t exit_a, std::size_t exit_b) const {
  if (frame < 0 || frame >= frames() || exit_a >= exits() || exit_b >= exits()) return kUnknown;
  const auto& row = cosines_[static_cast<std::size_t>(frame)];
  return row.empty() ? kUnknown : static_cast<double>(row[pair_place(exit_a, exit_b, exits())]);
}

ExitMatrix Similarity::cosines(qint64 frame) const {
  ExitMatrix matrix{exits(), {}, 1, 1};
  for (std::size_t a = 0; a < exits(); ++a) {
    for (std::size_t b = 0; b < exits(); ++b) matrix.values.push_back(cosine(frame, a, b));
  }
  return matrix;
}

ExitMatrix Similarity::mean(qint64 first, qint64 last) const {
  first = std::max<qint64>(first, 0);
  last = std::min(last, frames() - 1);
  const auto pairs = pair_count(exits());
  std::vector<double> sum(pairs, 0);
  std::vector<qint64> count(pairs, 0);
  ExitMatrix matrix{exits(), std::vector<double>(exits() * exits(), kUnknown), 0, 0};
  for (qint64 frame = first; frame <= last;) {
    if (frame % kBlock == 0 && frame + kBlock - 1 <= last) {
      const auto& block = blocks_[static_cast<std::size_t>(frame / kBlock)];
      for (std::size_t pair = 0; pair < pairs; ++pair) {
        sum[pair] += block.sum[pair];
        count[pair] += block.count[pair];
      }
      matrix.frames += block.known;
      frame += kBlock;
      continue;
    }
    const auto& row = cosines_[static_cast<std::size_t>(frame++)];
    if (row.empty()) continue;
    ++matrix.frames;
    for (std::size_t pair = 0; pair < pairs; ++pair) {
      if (std::isnan(row[pair])) continue;
      sum[pair] += static_cast<double>(row[pair]);
      ++count[pair];
    }
  }
  matrix.frames_offered = matrix.frames;
  for (std::size_t a = 0; a < exits(); ++a) {
    for (std::size_t b = 0; b < exits(); ++b) {
      const auto pair = pair_place(a, b, exits());
      if (count[pair] > 0) matrix.values[a * exits() + b] = sum[pair] / static_cast<double>(count[pair]);
    }
  }
  return matrix;
}

void Similarity::ask_cka(qint64 first, qint64 last) {
  first = std::max<qint64>(first, 0);
  last = std::min(last, frames() - 1);
  std::vector<FrameRecordPtr> records;
  for (qint64 frame = first; frame <= last; ++frame) {
    if (auto record = session_->record(frame)) records.push_back(std::move(record));
  }
  const auto number = ++wanted_cka_;
  cka_task_.ask([this, number, first, last, records = std::move(records), layers = layers_,
                 run = run_](const std::stop_token& stop) {
    Cka answer{first, last, {}};
    try {
      const auto offered = static_cast<std::int64_t>(records.size());
      auto chosen = run ? thinned(records, kMostCkaFrames) : records;
      for (auto& record : chosen) {
        if (stop.stop_requested()) return;
        record = featured(record, run.get());
      }
      answer.matrix = linear_cka(chosen, layers, kMostCkaFrames, stop);
      answer.matrix.frames_offered = std::max(answer.matrix.frames_offered, run ? offered : 0);
    } catch (const Cancelled&) {
      return;  // a newer request has taken its place
    } catch (const std::exception& error) {
      qWarning("%s", error.what());
      answer.matrix = {layers.size(), std::vector<double>(layers.size() * layers.size(), kUnknown), 0, 0};
    }
    QMetaObject::invokeMethod(
        this,
        [this, number, answer] {
          if (number != wanted_cka_) return;
          answered_cka_ = number;
          cka_ = answer;
          Q_EMIT cka_changed();
        },
        Qt::QueuedConnection);
  });
}

}  // namespace deer
