// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/exits/frame_deltas.h"

#include <QLabel>
#include <QVBoxLayout>

#include "core/exits/decision.h"
#include "sessions/session/policy_undo.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"
#include "widgets/exits/delta_rows.h"

namespace deer {
namespace {

int count_of_allowed(const std::vector<int>& layers, const ExitPolicy& policy) {
  if (!policy.max_layer) return static_cast<int>(layers.size());
  return static_cast<int>(std::count_if(layers.begin(), layers.end(), [&](int l) { return l < *policy.max_layer; }));
}

}  // namespace

FrameDeltas::FrameDeltas(Session* session, QWidget* parent)
    : QWidget(parent), session_(session), reason_(new QLabel), rows_(new DeltaRows) {
  reason_->setAccessibleName(tr("Reason"));
  reason_->setWordWrap(true);
  reason_->setFont(Theme::number_font(Theme::instance().body_font()));
  auto* const column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(spacing::kSmall);
  column->addWidget(reason_);
  column->addWidget(rows_);
  connect(rows_, &DeltaRows::threshold_moved, this, [this](int exit, double threshold) {
    ExitPolicy policy = session_->policy();
    if (exit < 0 || exit >= static_cast<int>(policy.thresholds.size())) return;
    policy.thresholds[static_cast<std::size_t>(exit)] = threshold;
    PolicyUndo::of(session_)->change(policy, tr("Threshold of exit %1").arg(exit + 1));
  });
}

QString FrameDeltas::reason() const { return reason_->text(); }

QString FrameDeltas::reason_sentence(const FrameRecord& record, const ExitPolicy& policy) {
  const QString exit = exit_name(record.exit_index, record.exit_layer);
  switch (record.reason) {
    case ExitReason::within_threshold: {
      const ExitProbe* probe = record.probe_at(record.exit_layer);
      if (!probe || std::isnan(probe->threshold)) return tr("Stopped at %1: within the threshold.").arg(exit);
      if (probe->threshold >= kAlwaysLeave) return tr("Stopped at %1: its threshold is “always”.").arg(exit);
      return tr("Stopped at %1: delta %2 ≤ threshold %3.")
          .arg(exit, format_number(static_cast<double>(probe->delta)),
               format_threshold(static_cast<double>(probe->threshold)));
    }
    case ExitReason::deepest_allowed:
      return tr("Stopped at %1: the deepest allowed exit; no shallower exit met its threshold.").arg(exit);
    case ExitReason::held:
      return tr("Stayed at %1: the exit is re-evaluated every %2 steps.").arg(exit).arg(policy.steps_per_stage);
    case ExitReason::fixed:
      return tr("Stopped at %1: the policy always uses this exit.").arg(exit);
    case ExitReason::forced:
      return tr("Stopped at %1: forced for this frame.").arg(exit);
    case ExitReason::scheduled:
      return tr("Stopped at %1: the exit for step %2.").arg(exit, format_count(record.step));
    case ExitReason::repeated:
      return tr("Repeated the prediction of %1: each prediction is executed %2 times.")
          .arg(exit)
          .arg(policy.executions);
  }
  return {};
}

void FrameDeltas::show_record(const FrameRecord& record) {
  const ModelSummary* model = session_->model();
  if (!model) return;
  const ExitPolicy& policy = session_->policy();
  const int allowed = count_of_allowed(model->exit_layers, policy);
  std::vector<DeltaRows::Row> rows;
  for (int index = 0; index < static_cast<int>(model->exit_layers.size()); ++index) {
    DeltaRows::Row row;
    row.exit_index = index;
    row.layer = model->exit_layers[static_cast<std::size_t>(index)];
    if (const ExitProbe* probe = record.probe_at(row.layer)) {
      row.delta = probe->delta;
      row.threshold = probe->threshold;
      row.decision = row.layer == record.exit_layer  ? DeltaRows::Decision::left
                     : row.layer < record.exit_layer ? DeltaRows::Decision::went_on
                                                     : DeltaRows::Decision::not_reached;
    } else if (row.layer == record.exit_layer) {
      row.decision = DeltaRows::Decision::left;
    }
    // Thresholds of the current policy, even if the record is older or has no probe.
    if (compares(policy) && index < static_cast<int>(policy.thresholds.size())) {
      row.threshold = policy.thresholds[static_cast<std::size_t>(index)];
    }
    if (!compares(policy)) row.threshold = std::numeric_limits<double>::quiet_NaN();
    row.uses_threshold = !compares(policy) || index != allowed - 1;
    row.forced = record.reason == ExitReason::forced;
    if (index >= allowed && row.decision != DeltaRows::Decision::left) row.decision = DeltaRows::Decision::beyond;
    rows.push_back(row);
  }
  rows_->set_editable(compares(policy));
  rows_->set_rows(std::move(rows));
  rows_->set_selected(session_->selection()->selected_exit());
  reason_->setText(reason_sentence(record, policy));
}

}  // namespace deer
