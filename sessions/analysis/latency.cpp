// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/latency.h"

#include <algorithm>
#include <cmath>

#include "sessions/analysis/process_memory.h"

namespace deer {
namespace {

constexpr int kSumEveryMs = 250;
constexpr int kSampleEveryMs = 500;

using Columns = std::array<std::vector<float>, Latency::kStages>;

double at_share(const std::vector<float>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const auto high = std::min(low + 1, sorted.size() - 1);
  return std::lerp(static_cast<double>(sorted[low]), static_cast<double>(sorted[high]), place - std::floor(place));
}

std::array<Latency::Statistics, Latency::kStages> statistics_of(Columns columns) {
  std::array<Latency::Statistics, Latency::kStages> result{};
  std::array<double, Latency::kStages> sums{};
  for (std::size_t stage = 0; stage < columns.size(); ++stage) {
    auto& values = columns[stage];
    std::erase_if(values, [](float value) { return std::isnan(value); });
    if (values.empty()) continue;
    std::sort(values.begin(), values.end());
    for (const float value : values) sums[stage] += static_cast<double>(value);
    auto& out = result[stage];
    out.frames = static_cast<qint64>(values.size());
    out.mean_ms = sums[stage] / static_cast<double>(values.size());
    out.p50_ms = at_share(values, 0.5);
    out.p95_ms = at_share(values, 0.95);
    out.p99_ms = at_share(values, 0.99);
    out.most_ms = static_cast<double>(values.back());
  }
  for (std::size_t stage = 0; stage < columns.size(); ++stage) {
    if (sums[Latency::kTotal] > 0) result[stage].share = sums[stage] / sums[Latency::kTotal];
  }
  return result;
}

}  // namespace

Latency::Latency(Session* session, QObject* parent, std::function<std::int64_t()> memory)
    : QObject(parent), memory_(memory ? std::move(memory) : resident_bytes) {
  summing_.setSingleShot(true);
  summing_.setInterval(kSumEveryMs);
  connect(&summing_, &QTimer::timeout, this, &Latency::summarise);
  sampling_.setInterval(kSampleEveryMs);
  connect(&sampling_, &QTimer::timeout, this, &Latency::sample_memory);
  clock_.start();
  sampling_.start();
  slices_ =
      new RecordSlices(session,
                       {.start_anew =
                            [this](qint64 frames) {
                              for (auto& column : values_)
                                column.assign(static_cast<std::size_t>(frames), kNotEvaluated);
                              run_ = 0;
                              statistics_ = {};
                              ++wanted_;
                              Q_EMIT started_anew();
                            },
                        .grow =
                            [this](qint64 frames) {
                              for (auto& column : values_)
                                column.resize(static_cast<std::size_t>(frames), kNotEvaluated);
                            },
                        .take = [this](qint64 frame, const FrameRecordPtr& record) { take(frame, record->times); },
                        .taken =
                            [this] {
                              Q_EMIT values_changed();
                              if (!summing_.isActive()) summing_.start();
                            }},
                       this);
  slices_->start();
}

void Latency::take(qint64 frame, const StageTimes& times) {
  if (times.vision_ms <= 0 && times.llm_ms <= 0) return;
  const auto place = static_cast<std::size_t>(frame);
  if (std::isnan(values_[kTotal][place])) ++run_;
  const std::array<double, kStages> ms{times.preprocess_ms, times.vision_ms, times.resampler_ms,
                                       times.llm_ms,        times.head_ms,   times.total_ms()};
  for (std::size_t stage = 0; stage < ms.size(); ++stage) values_[stage][place] = static_cast<float>(ms[stage]);
}

void Latency::summarise() {
  task_.ask([this, number = ++wanted_, columns = values_](const std::stop_token&) {
    const auto found = statistics_of(columns);
    QMetaObject::invokeMethod(
        this,
        [this, number, found] {
          if (number != wanted_) return;
          statistics_ = found;
          Q_EMIT statistics_changed();
        },
        Qt::QueuedConnection);
  });
}

void Latency::sample_memory() {
  const auto bytes = memory_();
  if (bytes <= 0) return;
  if (memory_s_.size() >= kMostSamples) {
    for (std::size_t i = 0; 2 * i < memory_s_.size(); ++i) {
      memory_s_[i] = memory_s_[2 * i];
      memory_mb_[i] = memory_mb_[2 * i];
    }
    memory_s_.resize(memory_s_.size() / 2);
    memory_mb_.resize(memory_mb_.size() / 2);
  }
  memory_s_.push_back(static_cast<float>(clock_.elapsed()) / 1000);
  memory_mb_.push_back(static_cast<float>(static_cast<double>(bytes) / (1024.0 * 1024.0)));
  Q_EMIT memory_changed();
}

}  // namespace deer
