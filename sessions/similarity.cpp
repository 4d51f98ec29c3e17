// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/similarity.h"

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace deer {
namespace {

constexpr qint64 kBlock = 256;
constexpr std::size_t kAtOnce = 64;     // frames between two answers
constexpr qint64 kMostCkaFrames = 600;  // a second or two for the largest published model
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Similarity::Similarity(Session* session, QObject* parent) : QObject(parent), session_(session) {
  connect(session, &Session::model_changed, this, &Similarity::start_anew);
  connect(session, &Session::episode_changed, this, &Similarity::start_anew);
  connect(session, &Session::frames_added, this, [this](qint64, qint64 last) { grow(last + 1); });
  connect(session, &Session::records_changed, this, &Similarity::look_at);
  start_anew();
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

Similarity::~Similarity() {
  thread_.request_stop();
  thread_.join();
}

void Similarity::start_anew() {
  const auto* const model = session_->model();
  layers_ = model ? model->exit_layers : std::vector<int>{};
  cosines_.clear();
  asked_.clear();
  blocks_.clear();
  known_ = 0;
  ++rollout_;
  cka_task_.forget();
  cka_.reset();
  answered_cka_ = ++wanted_cka_;
  {
    const std::scoped_lock lock(mutex_);
    queue_.clear();
    queue_layers_ = layers_;
    queue_rollout_ = rollout_;
  }
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
  std::vector<Looked> wanted;
  for (qint64 frame = std::max<qint64>(first, 0); frame <= std::min(last, frames() - 1); ++frame) {
    const auto place = static_cast<std::size_t>(frame);
    if (asked_[place]) continue;
    auto record = session_->record(frame);
    if (!record) continue;
    asked_[place] = true;
    wanted.push_back({frame, std::move(record), {}});
  }
  if (wanted.empty()) return;
  {
    const std::scoped_lock lock(mutex_);
    std::move(wanted.begin(), wanted.end(), std::back_inserter(queue_));
  }
  wake_.notify_one();
}

void Similarity::take(quint64 rollout, std::vector<Looked> looked) {
  if (rollout != rollout_ || looked.empty()) return;
  for (auto& one : looked) {
    auto& block = blocks_[static_cast<std::size_t>(one.frame / kBlock)];
    for (std::size_t pair = 0; pair < one.cosines.size(); ++pair) {
      if (std::isnan(one.cosines[pair])) continue;
      block.sum[pair] += static_cast<double>(one.cosines[pair]);
      ++block.count[pair];
    }
    ++block.known;
    ++known_;
    cosines_[static_cast<std::size_t>(one.frame)] = std::move(one.cosines);
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
  cka_task_.ask(
      [this, number, first, last, records = std::move(records), layers = layers_](const std::stop_token& stop) {
        Cka answer{first, last, {}};
        try {
          answer.matrix = linear_cka(records, layers, kMostCkaFrames, stop);
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

void Similarity::work(const std::stop_token& stop) {
  while (true) {
    std::vector<Looked> looked;
    std::vector<int> layers;
    quint64 rollout = 0;
    {
      std::unique_lock lock(mutex_);
      if (!wake_.wait(lock, stop, [this] { return !queue_.empty(); })) return;
      layers = queue_layers_;
      rollout = queue_rollout_;
      while (!queue_.empty() && looked.size() < kAtOnce) {
        looked.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    for (auto& one : looked) {
      one.cosines = feature_cosines(*one.record, layers);
      one.record.reset();
    }
    QMetaObject::invokeMethod(
        this, [this, rollout, looked = std::move(looked)]() mutable { take(rollout, std::move(looked)); },
        Qt::QueuedConnection);
  }
}

}  // namespace deer
