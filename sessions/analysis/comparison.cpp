// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/exits/criterion.h"
#include "core/exits/decision.h"
#include "core/exits/policy_json.h"
#include "core/model/model_config.h"
#include "sessions/base/paths.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/traces/recorded_run.h"

namespace deer {
namespace {

constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

QString describe_policy(const ExitPolicy& policy, const std::vector<int>& exit_layers) {
  const auto exit_text = [&](int layer) {
    const int index = exit_index_of(exit_layers, layer);
    return index >= 0 ? Comparison::tr("exit %1").arg(index + 1) : Comparison::tr("layer %1").arg(layer + 1);
  };
  if (policy.criterion == Criterion::fixed_exit) {
    if (!policy.fixed_layer) return Comparison::tr("always the deepest exit");
    return Comparison::tr("always %1").arg(exit_text(*policy.fixed_layer));
  }
  if (policy.criterion == Criterion::time_step) {
    return Comparison::tr("a deeper exit every %1 steps").arg(policy.steps_per_exit);
  }
  QStringList thresholds;
  for (const double threshold : policy.thresholds) {
    thresholds << (threshold >= kAlwaysLeave  ? Comparison::tr("always")
                   : threshold <= kNeverLeave ? Comparison::tr("never")
                                              : QString::number(threshold, 'g', 3));
  }
  const bool gate = policy.criterion == Criterion::learned_gate;
  auto text = (gate ? Comparison::tr("learned gate, thresholds %1") : Comparison::tr("thresholds %1"))
                  .arg(thresholds.join(QStringLiteral(", ")));
  if (policy.max_layer) text += Comparison::tr(", at most %1 layers").arg(*policy.max_layer);
  if (!policy.forced_layers.empty()) text += Comparison::tr(", some frames forced");
  return text;
}

Comparison::Comparison(Session* session, QObject* parent) : QObject(parent), session_(session) {
  connect(session, &Session::episode_changed, this, &Comparison::forget);
  connect(session, &Session::policy_changed, this, [this] {
    now_origin_ = origin_of_session(session_->policy());
    Q_EMIT changed();
  });
  slices_ = new RecordSlices(session,
                             {.start_anew = [this](qint64 frames) { start_anew(frames); },
                              .grow = [this](qint64 frames) { grow(frames); },
                              .take = [this](qint64 frame, const FrameRecordPtr&) { take(frame); },
                              .taken = [this] { Q_EMIT changed(); }},
                             this);
  slices_->start();
}

Comparison::Origin Comparison::origin_of_session(const ExitPolicy& policy) const {
  Origin origin;
  const auto* const model = session_->model();
  if (!model) return origin;
  origin.name = tr("%1, %2").arg(QString::fromStdString(model->name), describe_policy(policy, model->exit_layers));
  if (model->config) origin.costs.emplace(*model->config);
  return origin;
}

void Comparison::keep() {
  if (session_->evaluated_count() == 0) return;
  std::vector<FrameRecordPtr> records;
  for (qint64 frame = 0; frame < session_->frame_count(); ++frame) records.push_back(session_->record(frame));
  keep(std::move(records), session_->policy());
}

void Comparison::keep(std::vector<FrameRecordPtr> records, const ExitPolicy& policy) {
  stop_reading();
  kept_ = std::move(records);
  kept_.resize(static_cast<std::size_t>(session_->frame_count()));
  kept_origin_ = origin_of_session(policy);
  Q_EMIT started_anew();
  slices_->start();
}

void Comparison::keep_trace(const std::filesystem::path& file) {
  const auto name = to_qstring(file.filename());
  const auto frames = session_->frames()->source();
  if (!frames) {
    Q_EMIT problem({tr("No run to compare the trace with"),
                    tr("%1 can only be compared with a run of the same episode.").arg(name),
                    tr("Open that episode first.")});
    return;
  }
  TracedEpisode episode{frames, {}, -1, 0};
  if (const auto run = std::dynamic_pointer_cast<const RecordedRun>(frames)) {
    episode.source = run->source();
    episode.index = run->source_episode();
    episode.first_frame = run->first_frame();
  } else {
    episode.source = session_->collection()->path().string();
    episode.index = static_cast<std::int32_t>(session_->episode_index().value_or(0));
  }
  reading_ = true;
  trace_task_.ask([this, file, episode, number = ++trace_number_](const std::stop_token& stop) {
    std::shared_ptr<TraceSide> side;
    QString failure;
    try {
      side = std::make_shared<TraceSide>(read_trace_side(file, episode, stop));
    } catch (const Cancelled&) {
      return;
    } catch (const std::exception& error) {
      failure = QString::fromUtf8(error.what());
    }
    QMetaObject::invokeMethod(
        this,
        [this, number, file, side, failure] {
          if (number != trace_number_) return;
          reading_ = false;
          if (side) return take_trace(file, std::move(*side));
          Q_EMIT reading_changed();
          Q_EMIT problem({tr("The trace cannot be compared"), failure,
                          tr("Choose a trace of the open episode, or open the trace's episode.")});
        },
        Qt::QueuedConnection);
  });
  Q_EMIT reading_changed();
}

void Comparison::take_trace(const std::filesystem::path& file, TraceSide side) {
  const auto& m = side.metadata;
  kept_ = std::move(side.records);
  kept_origin_ = {};
  QString policy;
  try {
    policy = describe_policy(policy_from_json(file, m.policy), m.exit_layers);
  } catch (const Error&) {
    policy = tr("a policy that cannot be read");
  }
  kept_origin_.name = tr("%1: %2, %3").arg(to_qstring(file.filename()), QString::fromStdString(m.model_name), policy);
  if (side.count < static_cast<qint64>(kept_.size())) {
    kept_origin_.name += tr(", %1 of %2 frames").arg(side.count).arg(kept_.size());
  }
  // A trace does not hold its model's sizes. They are the open model's, if that is built alike.
  const auto* const model = session_->model();
  if (model && model->config && model->family == m.family && model->d_model == m.d_model && model->layers == m.layers) {
    kept_origin_.costs.emplace(*model->config);
  }
  Q_EMIT reading_changed();
  Q_EMIT started_anew();
  slices_->start();
}

void Comparison::stop_reading() {
  ++trace_number_;
  trace_task_.forget();
  if (std::exchange(reading_, false)) Q_EMIT reading_changed();
}

void Comparison::forget() {
  stop_reading();
  kept_.clear();
  kept_origin_ = {};
  Q_EMIT started_anew();
  slices_->start();
}

QString Comparison::name(Side side) const { return side == kKept ? kept_origin_.name : now_origin_.name; }

FrameRecordPtr Comparison::record(Side side, qint64 frame) const {
  if (side == kNow) return session_->record(frame);
  return frame >= 0 && frame < static_cast<qint64>(kept_.size()) ? kept_[static_cast<std::size_t>(frame)] : nullptr;
}

void Comparison::start_anew(qint64 frames) {
  for (auto* const columns : {&depth_, &gflops_}) {
    for (auto& column : *columns) column.clear();
  }
  difference_.clear();
  distance_.clear();
  gripper_differs_.clear();
  now_origin_ = origin_of_session(session_->policy());
  grow(frames);
  // What was kept is there whether or not the frame is run again.
  for (qint64 frame = 0; frame < std::min(frames, static_cast<qint64>(kept_.size())); ++frame) take(frame);
}

void Comparison::grow(qint64 frames) {
  const auto count = static_cast<std::size_t>(frames);
  for (auto* const columns : {&depth_, &gflops_}) {
    for (auto& column : *columns) column.resize(count, kNotEvaluated);
  }
  difference_.resize(count, kNotEvaluated);
  distance_.resize(count, kNotEvaluated);
  gripper_differs_.resize(count, false);
}

float Comparison::gflops_of(const Origin& origin, const FrameRecord& record) {
  if (record.reason == ExitReason::repeated) return 0;
  if (!origin.costs || record.prompt_tokens <= 0) return kNotEvaluated;
  return static_cast<float>(origin.costs->llm_gflops(record.exit_layer, record.prompt_tokens));
}

void Comparison::take(qint64 frame) {
  const auto place = static_cast<std::size_t>(frame);
  const auto kept = record(kKept, frame), now = record(kNow, frame);
  for (const auto side : {kKept, kNow}) {
    const auto& one = side == kKept ? kept : now;
    depth_[side][place] = one ? static_cast<float>(one->depth()) : kNotEvaluated;
    gflops_[side][place] = one ? gflops_of(side == kKept ? kept_origin_ : now_origin_, *one) : kNotEvaluated;
  }
  difference_[place] =
      kept && now ? action_delta(DeltaType::l2, *now->layout, now->action, kept->action) : kNotEvaluated;
  distance_[place] = kept && now ? position_distance(*now->layout, now->action, kept->action) : kNotEvaluated;
  gripper_differs_[place] = kept && now && now->turns_gripper(*kept);
}

bool Comparison::differs(qint64 frame) const {
  if (frame < 0 || frame >= frames()) return false;
  const auto place = static_cast<std::size_t>(frame);
  if (std::isnan(difference_[place])) return false;
  return depth_[kKept][place] != depth_[kNow][place] || gripper_differs_[place] ||
         static_cast<double>(difference_[place]) > tolerance();
}

std::vector<qint64> Comparison::differing(std::size_t most) const {
  std::vector<qint64> found;
  for (qint64 frame = 0; frame < frames() && found.size() < most; ++frame) {
    if (differs(frame)) found.push_back(frame);
  }
  return found;
}

std::optional<qint64> Comparison::next_differing(qint64 frame, int direction) const {
  const qint64 step = direction < 0 ? -1 : 1;
  for (qint64 i = frame + step; i >= 0 && i < frames(); i += step) {
    if (differs(i)) return i;
  }
  return std::nullopt;
}

Comparison::Totals Comparison::totals() const {
  Totals totals;
  for (qint64 frame = 0; frame < frames(); ++frame) {
    const auto place = static_cast<std::size_t>(frame);
    if (std::isnan(difference_[place])) continue;
    ++totals.frames;
    totals.differing += differs(frame) ? 1 : 0;
    totals.gripper_differs += gripper_differs_[place] ? 1 : 0;
    for (const auto side : {kKept, kNow}) {
      totals.mean_depth[side] += static_cast<double>(depth_[side][place]);
      totals.mean_llm_gflops[side] += static_cast<double>(gflops_[side][place]);
    }
    totals.mean_difference += static_cast<double>(difference_[place]);
    totals.mean_distance += static_cast<double>(distance_[place]);
    totals.most_difference = std::max(totals.most_difference, static_cast<double>(difference_[place]));
  }
  const auto count = totals.frames > 0 ? static_cast<double>(totals.frames) : kNotKnown;
  for (const auto side : {kKept, kNow}) {
    totals.mean_depth[side] /= count;
    totals.mean_llm_gflops[side] /= count;
  }
  totals.mean_difference /= count;
  totals.mean_distance /= count;
  return totals;
}

}  // namespace deer
