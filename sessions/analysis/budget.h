// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "core/budget/budget_solver.h"
#include "core/budget/optimal_thresholds.h"
#include "sessions/analysis/calibration_finder.h"
#include "sessions/series/record_slices.h"
#include "sessions/session/session.h"

namespace deer {

/// A curve of mean cost against mean action error, and the one below which no thresholds are known.
struct BudgetCurves {
  std::vector<ParetoPoint> family;   ///< of the exit distribution that was asked for; empty for `optimal`
  std::vector<ParetoPoint> optimal;  ///< from a subsample
};

/// What the policy did over the frames evaluated so far, in the terms of a budget.
struct BudgetReality {
  qint64 frames = 0;
  double mean_depth = 0;
  double mean_llm_gflops = 0;  ///< NaN if the model's sizes are not known
  double mean_error = 0;       ///< of the executed actions against the deepest exit's; NaN if exits are missing
};

/// Thresholds for what a person can afford: the calibration set that is open, what is asked, and what that gives.
/// Solving happens on a thread of its own, the newest request first; no call waits. GUI thread only.
class Budget : public QObject {
  Q_OBJECT

 public:
  /// `session` must outlive it. A model brings the set that find_calibration() finds, unless a person chose one for it;
  /// the request then begins at the mean depth that the thresholds in force come to.
  explicit Budget(Session* session, QObject* parent = nullptr);
  ~Budget() override;

  // The calibration set. Null until one is open and a model with the same exits is.
  void open_calibration(const std::filesystem::path& file);
  const CalibrationSet* set() const;
  std::filesystem::path calibration_file() const { return file_; }
  /// Where the open set comes from, to read; empty without one.
  QString set_origin() const { return set() ? describe_calibration(file_, origin_) : QString(); }
  bool opening() const { return opening_; }

  // Costs of the open model, empty where they are not known, for prompts of prompt_tokens().
  const ExitCosts& costs() const { return costs_; }
  int prompt_tokens() const { return tokens_; }
  /// Measures milliseconds on this device, with a second copy of the model. cancel_measuring() stops it.
  void measure_timings();
  void cancel_measuring();
  bool measuring() const { return measuring_; }
  double measuring_progress() const { return measured_share_; }

  // The request, and the newest solution: null before the first, or after the set or the model changed.
  const BudgetRequest& request() const { return request_; }
  void set_request(const BudgetRequest& request);  ///< solves anew
  const BudgetSolution* solution() const { return solution_ ? &*solution_ : nullptr; }
  bool solving() const { return solved_number_ != wanted_number_; }
  const BudgetCurves& curves() const { return curves_; }

  /// The policy in force with the solution's thresholds. Nothing if there is no feasible solution.
  std::optional<ExitPolicy> policy() const;
  /// Puts it in force; false if there is none, or thresholds are frozen.
  bool apply();
  /// While frozen, budgets move only the estimate: apply() does nothing and the thresholds in force stay.
  bool frozen() const { return frozen_; }
  void set_frozen(bool frozen);
  /// Whether the session's policy is the solution's.
  bool applied() const;

  /// Over the session's records: exact, since they were replayed under the policy in force. Where many come at once, it
  /// follows in a moment, and reality_changed() tells.
  BudgetReality reality() const;
  bool counting() const { return slices_->busy(); }  ///< reality() is of the records before, in part

  // Thresholds in files. Both answer with problem() if it goes wrong.
  void save_thresholds(const std::filesystem::path& file);
  /// Locks every exit at the file's threshold; without a calibration set, applies the file's policy.
  void load_thresholds(const std::filesystem::path& file);
  /// The argument line for the reference's evaluation; empty without a solution.
  QString reference_line() const;

 Q_SIGNALS:
  void set_changed();  ///< the calibration set, or the model's costs
  void request_changed();
  void solution_changed();  ///< also when a solve begins
  void curves_changed();
  void measuring_changed();
  void frozen_changed(bool frozen);
  void reality_changed();
  void problem(const deer::Problem& problem);

 private:
  struct Task;
  struct Seen {
    int depth = 0;  ///< 0: no record
    int exit = -1;
    float error = 0;  ///< NaN: the deepest exit was not evaluated
  };

  void see(qint64 frame, const FrameRecord* record);
  void count(const Seen& seen, int sign);
  void work(std::stop_token stop);
  void serve(const Task& task);
  void post(Task task);
  void open(const Task& task);
  void begin_opening(Task task);
  std::optional<double> depth_in_force() const;  ///< mean over the set; none if its thresholds are of another kind
  void measure(const Task& task, std::stop_token stop);
  void model_changed();
  void update_costs();
  void start_anew();
  void solve();
  template <typename Function>
  void answer(Function function);
  static ExitCosts costs_of(const ModelSummary& model, int tokens);

  Session* session_;
  std::filesystem::path file_;
  CalibrationOrigin origin_ = CalibrationOrigin::chosen;
  std::filesystem::path chosen_file_;                 ///< by a person
  std::filesystem::path chosen_model_;                ///< and for which model
  std::shared_ptr<const PreparedCalibration> set_;    ///< as read
  std::shared_ptr<const PreparedCalibration> small_;  ///< a subsample, for curves and quick answers
  bool fits_ = false;                                 ///< the model has the set's exits
  bool opening_ = false;
  bool frozen_ = false;
  bool measuring_ = false;
  double measured_share_ = 0;
  std::optional<StageTimings> timings_;
  ExitCosts costs_;
  int tokens_ = 0;
  bool tokens_seen_ = false;  ///< tokens_ is that of a record, not a guess
  RecordSlices* slices_ = nullptr;
  std::vector<Seen> seen_;  ///< by frame
  qint64 seen_count_ = 0;
  qint64 depth_sum_ = 0;
  std::vector<qint64> seen_by_exit_;  ///< the last: after a layer that is no exit
  double error_sum_ = 0;
  qint64 error_count_ = 0;
  BudgetRequest request_;
  std::optional<BudgetSolution> solution_;
  BudgetCurves curves_;
  quint64 wanted_number_ = 0;
  quint64 solved_number_ = 0;
  quint64 open_number_ = 0;
  quint64 curve_number_ = 0;

  std::mutex mutex_;  // guards the block below
  std::condition_variable_any wake_;
  std::unique_ptr<Task> open_task_;
  std::unique_ptr<Task> solve_task_;
  std::unique_ptr<Task> curve_task_;
  std::stop_source solve_stop_;
  std::stop_source measure_stop_;

  std::jthread thread_;
  std::jthread measure_thread_;
};

}  // namespace deer
