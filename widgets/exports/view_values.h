// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/episodes/value_table.h"
#include "sessions/session/session.h"

class QAbstractItemModel;

namespace deer {

class ActionPlots;
class CalibrationWatch;
class Comparison;
class ExitStepsModel;
class Latency;
class SimilarityView;

/// What each view shows as numbers, with all their digits and with units in the names: what an export writes.

/// A row a frame: exit, depth, reason, deltas and thresholds of every exit, the executed action in the model's units,
/// stage times.
ValueTable timeline_values(const Session& session);
/// A row an exit of the frame in sight: delta, threshold, evaluated by the policy or not.
ValueTable delta_values(const Session& session, qint64 frame);
/// The matrix in sight, a column an exit, then each exit's similarity to the deepest by frame.
ValueTable similarity_values(const SimilarityView& view);
ValueTable exit_step_values(const ExitStepsModel& model);
/// A row a frame: the seven values of every exit, executed and recorded, in the model's units.
ValueTable action_values(const ActionPlots& view);
/// A row an exit, and the quantile curves.
ValueTable calibration_values(const CalibrationWatch& watch);
/// A row a frame: milliseconds by stage; and the memory samples.
ValueTable latency_values(const Latency& latency);
/// A row a frame: depth and LLM GFLOPs of both runs, difference of the executed actions, and whether they differ.
ValueTable comparison_values(const Comparison& comparison);
/// Any table as its texts.
ValueTable model_values(const QAbstractItemModel& model);

}  // namespace deer
