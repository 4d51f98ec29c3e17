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
class FeatureMapView;
class Latency;
class SimilarityView;

/// Values of each view for export, with all digits and with units in the names.

/// One row per frame: exit, depth, reason, deltas and thresholds of every exit, the executed action as stored (of a
/// chunk all steps), stage times.
ValueTable timeline_values(const Session& session);
/// One row per exit of the frame shown: delta, threshold, evaluated by the policy or not.
ValueTable delta_values(const Session& session, qint64 frame);
/// The matrix shown, one column per exit, then each exit's similarity to the deepest by frame.
ValueTable similarity_values(const SimilarityView& view);
ValueTable exit_step_values(const ExitStepsModel& model);
/// One row per frame: the values of every exit, executed and recorded, as stored; of a chunk the first step.
ValueTable action_values(const ActionPlots& view);
/// One row per exit, and the quantile curves.
ValueTable calibration_values(const CalibrationWatch& watch);
/// One row per frame: milliseconds by stage; and the memory samples.
ValueTable latency_values(const Latency& latency);
/// One row per frame: depth and LLM GFLOPs of both runs, difference of the executed actions, and whether they differ.
ValueTable comparison_values(const Comparison& comparison);
/// One row per point: frame, place in the plane, exit taken (from 1), regret.
ValueTable feature_values(const Session& session, const FeatureMapView& view);
/// Any table as its texts.
ValueTable model_values(const QAbstractItemModel& model);

}  // namespace deer
