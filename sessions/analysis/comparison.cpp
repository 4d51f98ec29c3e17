// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/comparison.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/exits/criterion.h"
#include "core/model/model_config.h"

namespace deer {
namespace {

constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();

const std::vector<float>& no_values() {
  static const std::vector<float> none;
  return none;
}

}  // namespace

Comparison::Comparison(Session* session, QObject* parent)
    : QObject(parent), session_(session), kept_(KeptRuns::of(session)) {
  connect(kept_, &KeptRuns::shown_changed, this, &Comparison::follow_runs);
  connect(session, &Session::policy_changed, this, &Comparison::changed);
  slices_ = new RecordSlices(session,
                             {.start_anew = [this](qint64 frames) { start_anew(frames); },
                              .grow = [this](qint64 frames) { grow(frames); },
                              .take = [this](qint64 frame, const FrameRecordPtr&) { take(frame); },
                              .taken = [this] { Q_EMIT changed(); },
                              // What was kept is there whether or not the frame is run again.
                              .lose = [this](qint64 frame) { take(frame); }},
                             this);
  follow_runs();
  slices_->start();
}

void Comparison::follow_runs() {
  const auto shown = kept_->shown();
  const auto baseline = std::ranges::find(shown, kept_->baseline());
  const auto place = baseline == shown.end() ? 0 : static_cast<std::size_t>(baseline - shown.begin());
  if (std::ranges::equal(shown, others_, {}, {}, &Other::id)) {
    // The same runs: their records may have been replaced by equal ones, their names by others.
    for (auto& other : others_) other.records = kept_->records(other.id);
    if (std::exchange(baseline_, place) != place) Q_EMIT started_anew();
    Q_EMIT changed();
    return;
  }
  others_.clear();
  for (const auto& id : shown) others_.push_back({.id = id, .records = kept_->records(id)});
  baseline_ = place;
  slices_->start();
  Q_EMIT started_anew();
}

std::optional<CostModel> Comparison::costs_of(const KeptRun& run) const {
  if (run.model.config) return CostModel(*run.model.config);
  // A run that comes from a file has no sizes. They are the open model's, if that is built alike.
  const auto* const model = session_->model();
  const bool alike = model && model->config && model->family == run.model.family &&
                     model->d_model == run.model.d_model && model->layers == run.model.layers;
  return alike ? std::optional(CostModel(*model->config)) : std::nullopt;
}

QString Comparison::name(Side side) const {
  if (side == kKept) {
    const auto* const kept = has_kept() ? run(baseline_) : nullptr;
    return kept ? tr("%1: %2", "name of a run, its model and policy").arg(kept->name, kept->details()) : QString();
  }
  const auto* const model = session_->model();
  if (!model) return {};
  return tr("%1, %2").arg(QString::fromStdString(model->name), describe_policy(session_->policy(), model->exit_layers));
}

FrameRecordPtr Comparison::record(Side side, qint64 frame) const {
  if (side == kNow) return session_->record(frame);
  if (!has_kept() || frame < 0) return nullptr;
  const auto& records = *others_[baseline_].records;
  return static_cast<std::size_t>(frame) < records.size() ? records[static_cast<std::size_t>(frame)] : nullptr;
}

const std::vector<float>& Comparison::depth(Side side) const {
  return side == kNow ? depth_ : has_kept() ? others_[baseline_].depth : no_values();
}

const std::vector<float>& Comparison::difference() const {
  return has_kept() ? others_[baseline_].difference : no_values();
}

const std::vector<float>& Comparison::llm_gflops(Side side) const {
  return side == kNow ? gflops_ : has_kept() ? others_[baseline_].gflops : no_values();
}

void Comparison::Other::grow(std::size_t frames) {
  for (auto* const column : {&depth, &gflops, &difference, &distance}) column->resize(frames, kNotEvaluated);
  gripper_differs.resize(frames, false);
}

void Comparison::start_anew(qint64 frames) {
  const auto* const model = session_->model();
  costs_ = model && model->config ? std::optional(CostModel(*model->config)) : std::nullopt;
  depth_.clear();
  gflops_.clear();
  for (auto& other : others_) {
    const auto* const run = kept_->run(other.id);
    other = {.id = other.id, .records = other.records, .costs = run ? costs_of(*run) : std::nullopt};
  }
  grow(frames);
}

void Comparison::grow(qint64 frames) {
  frames_ = frames;
  const auto count = static_cast<std::size_t>(frames);
  for (auto* const column : {&depth_, &gflops_}) column->resize(count, kNotEvaluated);
  for (auto& other : others_) other.grow(count);
}

float Comparison::gflops_of(const std::optional<CostModel>& costs, const FrameRecord& record) {
  if (record.reason == ExitReason::repeated) return 0;
  if (!costs || record.prompt_tokens <= 0) return kNotEvaluated;
  return static_cast<float>(costs->llm_gflops(record.exit_layer, record.prompt_tokens));
}

void Comparison::take(qint64 frame) {
  const auto place = static_cast<std::size_t>(frame);
  const auto now = session_->record(frame);
  depth_[place] = now ? static_cast<float>(now->depth()) : kNotEvaluated;
  gflops_[place] = now ? gflops_of(costs_, *now) : kNotEvaluated;
  for (auto& other : others_) take(&other, frame, now);
}

void Comparison::take(Other* other, qint64 frame, const FrameRecordPtr& now) const {
  const auto place = static_cast<std::size_t>(frame);
  const auto kept = place < other->records->size() ? (*other->records)[place] : nullptr;
  other->depth[place] = kept ? static_cast<float>(kept->depth()) : kNotEvaluated;
  other->gflops[place] = kept ? gflops_of(other->costs, *kept) : kNotEvaluated;
  const bool both = kept && now && kept->action.size() == now->action.size();
  other->difference[place] =
      both ? action_delta(DeltaType::l2, *now->layout, now->action, kept->action) : kNotEvaluated;
  other->distance[place] = both ? position_distance(*now->layout, now->action, kept->action) : kNotEvaluated;
  other->gripper_differs[place] = both && now->turns_gripper(*kept);
}

bool Comparison::differs(const Other& other, std::size_t place) const {
  if (std::isnan(other.difference[place])) return false;
  return other.depth[place] != depth_[place] || other.gripper_differs[place] ||
         static_cast<double>(other.difference[place]) > tolerance();
}

bool Comparison::differs(qint64 frame) const {
  return has_kept() && frame >= 0 && frame < frames_ && differs(others_[baseline_], static_cast<std::size_t>(frame));
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

Comparison::Totals Comparison::totals(std::size_t run) const {
  const auto& other = others_[run];
  Totals totals;
  for (std::size_t place = 0; place < static_cast<std::size_t>(frames_); ++place) {
    if (std::isnan(other.difference[place])) continue;
    ++totals.frames;
    totals.differing += differs(other, place) ? 1 : 0;
    totals.gripper_differs += other.gripper_differs[place] ? 1 : 0;
    totals.mean_depth[kKept] += static_cast<double>(other.depth[place]);
    totals.mean_depth[kNow] += static_cast<double>(depth_[place]);
    totals.mean_llm_gflops[kKept] += static_cast<double>(other.gflops[place]);
    totals.mean_llm_gflops[kNow] += static_cast<double>(gflops_[place]);
    totals.mean_difference += static_cast<double>(other.difference[place]);
    totals.mean_distance += static_cast<double>(other.distance[place]);
    totals.most_difference = std::max(totals.most_difference, static_cast<double>(other.difference[place]));
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
