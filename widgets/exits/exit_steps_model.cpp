// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/exits/exit_steps_model.h"

#include <QFont>
#include <algorithm>
#include <cmath>

#include "widgets/actions/dimension_text.h"
#include "widgets/base/number_format.h"
#include "widgets/base/theme.h"

namespace deer {

void ExitStepsModel::set(std::vector<FrameStep> steps, ActionLayoutPtr layout) {
  const bool same_rows = steps.size() == steps_.size() && *layout == *layout_;
  if (!same_rows) beginResetModel();
  steps_ = std::move(steps);
  layout_ = std::move(layout);
  if (!same_rows) return endResetModel();
  if (!steps_.empty()) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, kColumnCount - 1));
}

int ExitStepsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(steps_.size());
}

int ExitStepsModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : kColumnCount; }

QString ExitStepsModel::decision_word(const FrameStep& step) {
  switch (step.decision) {
    case ExitDecision::left:
      return step.forced ? tr("forced") : tr("stops");
    case ExitDecision::went_on:
      return tr("goes deeper");
    case ExitDecision::passed:
      return tr("skipped");
    case ExitDecision::not_reached:
      return tr("not reached");
    case ExitDecision::beyond:
      return tr("not allowed");
  }
  return {};
}

QString ExitStepsModel::why(const FrameStep& step) {
  if (!step.evaluated && step.decision != ExitDecision::beyond) return tr("not evaluated");
  const bool compared = std::isfinite(step.delta) && std::isfinite(step.threshold);
  const bool real = compared && std::abs(step.threshold) < kAlwaysLeave;
  const auto comparison = [&] {
    return tr("delta %1 %2 threshold %3")
        .arg(format_number(step.delta), step.delta <= step.threshold ? QStringLiteral("≤") : QStringLiteral(">"),
             format_threshold(step.threshold));
  };
  switch (step.decision) {
    case ExitDecision::left:
      if (step.forced) return real ? tr("forced here; %1").arg(comparison()) : tr("forced here");
      return real && step.delta <= step.threshold ? tr("%1: stops").arg(comparison()) : tr("the exit taken");
    case ExitDecision::went_on:
      return real ? tr("%1: goes deeper").arg(comparison()) : tr("goes deeper");
    case ExitDecision::passed:
      return tr("not evaluated: the policy chose the exit in advance");
    case ExitDecision::not_reached:
      if (!compared) return tr("not reached");
      if (!real) return tr("not reached; would stop here");
      return step.delta <= step.threshold ? tr("not reached; %1: would stop").arg(comparison())
                                          : tr("not reached; %1: would go deeper").arg(comparison());
    case ExitDecision::beyond:
      return tr("deeper than the policy allows");
  }
  return {};
}

const ActionDimension* ExitStepsModel::dimension(int column) const {
  const auto place = static_cast<std::size_t>(column - kX);
  return column >= kX && column <= kGripper && place < layout_->width() ? &layout_->dimensions()[place] : nullptr;
}

QString ExitStepsModel::text(const FrameStep& step, int column) const {
  const QString none(QChar(0x2013));
  const auto number = [](double value) { return format_short(value); };
  if (column >= kX && column <= kGripper) {
    const auto* const shown = dimension(column);
    const auto place = static_cast<std::size_t>(column - kX);
    if (!shown || place >= step.action.size()) return none;
    const auto value = static_cast<double>(step.action[place]);
    if (column == kGripper && layout_->is_deer()) return tr("%1 %").arg(format_fixed(value * 100, 0));
    return dimension_text(*shown, value);
  }
  switch (column) {
    case kExit:
      return tr("exit %1").arg(step.exit_index + 1);
    case kDepth:
      return QString::number(step.layer + 1);
    case kChange:
      return std::isnan(step.change) ? none : tr("%1 %").arg(format_fixed(step.change * 100, 1));
    case kDelta:
      return number(step.delta);
    case kThreshold:
      return std::isnan(step.threshold) ? none : format_threshold(step.threshold);
    case kWouldStop:
      if (!std::isfinite(step.delta) || std::isnan(step.threshold)) return none;
      return step.delta <= step.threshold ? tr("yes") : tr("no");
    case kDecision:
      return decision_word(step);
    case kLlmGflops:
      return number(step.llm_gflops);
    case kTotalGflops:
      return number(step.total_gflops);
    case kMilliseconds:
      if (std::isnan(step.total_ms)) return none;
      return (step.ms_measured ? QString() : QStringLiteral("≈ ")) + format_fixed(step.total_ms, 1);
    case kNextDifference:
      return number(step.next_difference);
    default:
      return {};
  }
}

QVariant ExitStepsModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid | CheckIndexOption::ParentIsInvalid)) return {};
  const auto& step = steps_[static_cast<std::size_t>(index.row())];
  const auto& theme = Theme::instance();
  switch (role) {
    case Qt::DisplayRole:
      return text(step, index.column());
    case Qt::TextAlignmentRole: {
      const bool words = index.column() == kExit || index.column() == kWouldStop || index.column() == kDecision;
      return QVariant::fromValue(Qt::Alignment((words ? Qt::AlignLeading : Qt::AlignTrailing) | Qt::AlignVCenter));
    }
    case Qt::FontRole: {
      QFont font = Theme::number_font(theme.body_font());
      font.setBold(step.decision == ExitDecision::left);
      return font;
    }
    case Qt::ForegroundRole: {
      const bool reached = step.decision == ExitDecision::left || step.decision == ExitDecision::went_on;
      return reached ? theme.colors().text : theme.colors().muted_text;
    }
    case Qt::DecorationRole:
      if (index.column() != kExit) return {};
      return theme.exit_color(step.exit_index, rowCount());
    case Qt::ToolTipRole:
      return why(step);
    default:
      return {};
  }
}

QVariant ExitStepsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation == Qt::Vertical) return {};
  const auto say = [role](const QString& name, const QString& explanation) -> QVariant {
    return role == Qt::DisplayRole ? name : explanation;
  };
  if (role == Qt::TextAlignmentRole) {
    const bool words = section == kExit || section == kWouldStop || section == kDecision;
    return QVariant::fromValue(Qt::Alignment((words ? Qt::AlignLeading : Qt::AlignTrailing) | Qt::AlignVCenter));
  }
  if (role != Qt::DisplayRole && role != Qt::ToolTipRole) return {};
  if (section >= kX && section <= kGripper && (section != kGripper || !layout_->is_deer())) {
    const auto* const shown = dimension(section);
    if (!shown) return QString();
    if (!layout_->is_deer()) return say(dimension_label(*shown), tr("Value of the action, first step."));
    return say(dimension_label(*shown), section <= kZ ? tr("Movement in one step, in the world frame.")
                                                      : tr("Rotation in one step, in the world frame."));
  }
  switch (section) {
    case kExit:
      return say(tr("exit"), tr("From shallow to deep."));
    case kChange:
      return say(tr("change"), tr("Change of the pooled hidden state since the previous exit, relative to its "
                                  "length there."));
    case kDelta:
      return say(tr("delta"), tr("Difference from the previous exit’s action."));
    case kThreshold:
      return say(tr("threshold"), tr("The model stops at an exit whose delta is at most this."));
    case kWouldStop:
      return say(tr("would stop"), tr("Whether the delta meets the threshold, whatever exit was taken."));
    case kDecision:
      return say(tr("decision"), tr("The policy’s decision at this exit."));
    case kDepth:
      return say(tr("depth"), tr("Layers of the language model up to this exit."));
    case kGripper:
      return say(tr("gripper, % open"), tr("Predicted probability that the gripper opens."));
    case kLlmGflops:
      return say(tr("LLM, GFLOPs"), tr("The language model’s layers so far, multiply-add = 1."));
    case kTotalGflops:
      return say(tr("step, GFLOPs"), tr("Vision, resampler, layers and heads so far, multiply-add = 1."));
    case kMilliseconds:
      return say(tr("step, ms"), tr("Time of this frame so far. ≈: the time of the layers divided evenly."));
    case kNextDifference:
      return say(tr("next"), tr("Difference between this action and the next exit’s."));
    default:
      return {};
  }
}

}  // namespace deer
