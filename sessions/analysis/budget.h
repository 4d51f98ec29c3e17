// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <filesystem>
#include <memory>
#include <optional>

#include "core/budget/cost_unit.h"
#include "sessions/analysis/budget_search.h"
#include "sessions/analysis/calibration_loader.h"
#include "sessions/analysis/cost_meter.h"
#include "sessions/analysis/run_tally.h"
#include "sessions/session/session.h"
#include "sessions/threads/task_queue.h"

namespace deer {

struct ThresholdsFile;

/// What the policy did over the frames evaluated so far, in the terms of a budget.
struct MeasuredResult {
  qint64 frames = 0;
  double mean_depth = 0;  ///< layers
  double mean_cost = 0;   ///< in the unit asked for; NaN if it is not known
  double mean_error = 0;  ///< of the executed actions against the deepest exit's; NaN if exits are missing
};

/// Thresholds for what a person can afford: the calibration set that is open, the request, and its solution. A request
/// goes one way, from set_request() to solution_changed(); what changes it here (a set or a file that was opened, undo)
/// is told by request_replaced(). Files, measuring and solving are on other threads; no call waits. GUI thread only.
// Large class: all that views ask of a budget; loader, meter, search and tally do the work.
class Budget : public QObject {
  Q_OBJECT

 public:
  /// `session` must outlive it. A model brings the set that find_calibration() finds, unless a person chose one for it;
  /// the request then begins at the mean depth that the active thresholds come to, or were most likely solved for.
  explicit Budget(Session* session, QObject* parent = nullptr);

  // The calibration set. Null until one is open and a model with the same exits is.
  void open_calibration(const std::filesystem::path& file);
  std::shared_ptr<const PreparedCalibration> calibration() const { return fits_ ? calibration_.found.set : nullptr; }
  const CalibrationSet* set() const { return fits_ ? &calibration_.found.set->set() : nullptr; }
  std::filesystem::path calibration_file() const { return calibration_.found.file; }
  QString set_origin() const;  ///< where the open set comes from, to read; empty without one
  bool opening() const { return loader_.busy(); }

  // Costs of the open model, empty where they are not known, for prompts of prompt_tokens().
  const ExitCosts& costs() const { return costs_; }
  int prompt_tokens() const { return tokens_; }
  /// Measures milliseconds on this device; meter() tells how it goes and stops it.
  void measure_timings();
  CostMeter* meter() { return &meter_; }

  // The request, and the newest solution: null before the first, or after the set or the model changed.
  const BudgetRequest& request() const { return request_; }
  void set_request(const BudgetRequest& request);  ///< solves it
  const BudgetSolution* solution() const { return solution_ ? &*solution_ : nullptr; }
  bool solving() const { return search_.busy(); }
  const BudgetCurves& curves() const { return curves_; }

  /// To ask elsewhere for this mean depth in layers alone; none without a calibration set.
  std::optional<BudgetQuestion> question_for(double mean_depth) const;
  /// The active policy with the thresholds of an answer, the closest possible ones if it is not feasible; none if there
  /// are none.
  std::optional<ExitPolicy> policy_of(const BudgetSolution& solution) const;

  /// There is a feasible solution: policy() is the active policy with its thresholds.
  bool has_policy() const { return thresholds_.has_value(); }
  std::optional<ExitPolicy> policy() const;
  /// Makes it the session's, as a step to undo with this text (PolicyUndo). False if there is none, or thresholds are
  /// frozen.
  bool apply(const QString& text = {}, quint64 step = 0);
  /// The session's policy is policy().
  bool applied() const;
  /// While frozen, budgets only change the estimate: apply() does nothing and the active thresholds stay.
  bool frozen() const { return frozen_; }
  void set_frozen(bool frozen);

  /// Over the session's records: exact, as they were replayed under the active policy. measured_changed() follows.
  MeasuredResult measured(CostUnit unit = CostUnit::layers) const;
  bool counting() const { return !tally_->settled(); }  ///< measured() is of the records before, in part

  // Thresholds in files, read and written in the background. Both answer with problem() if it goes wrong.
  void save_thresholds(const std::filesystem::path& file);
  /// Locks every exit at the file's threshold; without a calibration set, makes the file's policy the active one.
  void load_thresholds(const std::filesystem::path& file);
  /// The argument line for the reference's evaluation; empty without a solution.
  QString reference_line() const;

 Q_SIGNALS:
  void set_changed();        ///< the calibration set, or the model's costs
  void request_replaced();   ///< not by set_request(): a set or a file was opened, or a change undone
  void thresholds_loaded();  ///< of a file into the request
  void solution_changed();   ///< also when a search begins
  void curves_changed();
  void frozen_changed(bool frozen);
  void measured_changed();
  void problem(const deer::Problem& problem);

 private:
  void change_model();
  void use_calibration(const LoadedCalibration& calibration);
  void take_timings(const StageTimings& timings);
  void note_prompt(qint64 first, qint64 last);
  void update_costs();
  void solve();
  void take_solution(const BudgetSolution& solution);
  void replace_request(const BudgetRequest& request);
  void use_thresholds(const ThresholdsFile& file);
  std::optional<double> active_depth() const;

  Session* session_;
  RunTally* tally_;
  CalibrationLoader loader_;
  CostMeter meter_;
  BudgetSearch search_;
  TaskQueue files_;
  std::filesystem::path chosen_file_;   ///< calibration set that a person opened
  std::filesystem::path chosen_model_;  ///< and for which model
  LoadedCalibration calibration_;       ///< as read; empty if none is open
  bool fits_ = false;                   ///< the model has the set's exits
  bool frozen_ = false;
  std::optional<StageTimings> timings_;
  ExitCosts costs_;
  int tokens_ = 0;
  bool tokens_known_ = false;  ///< tokens_ is that of a record, not a guess
  BudgetRequest request_;
  std::optional<BudgetSolution> solution_;
  std::optional<ExitPolicy> thresholds_;  ///< of a feasible solution: with_thresholds_of() takes them
  BudgetCurves curves_;
};

}  // namespace deer
