// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "core/exits/engine.h"

namespace deer {

/// What a run came to, against the deepest exit of each of its own frames.
struct RunFigures {
  qint64 evaluated = 0;                                          ///< frames
  double mean_depth = std::numeric_limits<double>::quiet_NaN();  ///< layers
  double saving = std::numeric_limits<double>::quiet_NaN();      ///< full depth's work over the work done; NaN: unknown
  bool saving_in_layers = false;  ///< the model's sizes are not known: layers were counted
  double mean_distance = std::numeric_limits<double>::quiet_NaN();  ///< of positions; NaN unless known of every frame
  QString distance_unit;                                            ///< "mm"; empty if positions have none
};

/// A run that stays beside the open one, so that others can be compared with it. Its records are apart: see KeptRuns.
struct KeptRun {
  enum class Kind {
    run,      ///< of the open episode, as it stood
    what_if,  ///< the open run under another policy
    trace,    ///< read from a trace of the user's
    live,     ///< of cameras or a simulated world
  };

  QString id;  ///< never used again
  Kind kind = Kind::run;
  QString name;              ///< the user's
  int color = 0;             ///< Theme::run_color()
  bool shown = true;         ///< over the timeline and in Compare, if it is of the open episode
  bool automatic = false;    ///< kept by the program: goes when there are many
  QString episode;           ///< source_key(); of a live run that of none
  qint64 frames = 0;         ///< of the episode
  qint64 kept_ms = 0;        ///< since 1970
  ModelSummary model;        ///< without tensors' names, gate and sizes once it comes from a file
  ExitPolicy policy;         ///< active when it was kept
  QString trace;             ///< path, of Kind::trace
  QString policy_text = {};  ///< in place of describe_policy(), if the policy cannot be read
  RunFigures figures;

  /// Model and policy in words: "deer-nano, thresholds 0.035, 0.030, always".
  QString details() const;
};

/// Records of a kept run by frame, without features; null where there is none.
using KeptRecords = std::shared_ptr<const std::vector<FrameRecordPtr>>;

/// Figures of records under a model. Takes a moment for many.
RunFigures figures_of(const std::vector<FrameRecordPtr>& records, const ModelSummary& model);

/// A policy in a few words: "thresholds 0.0350, 0.0300, always", "always exit 3".
QString describe_policy(const ExitPolicy& policy, const std::vector<int>& exit_layers);

}  // namespace deer
