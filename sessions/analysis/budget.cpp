// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/budget.h"

#include <QPointer>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/budget/cost_model.h"
#include "core/budget/thresholds_file.h"
#include "core/model/model_config.h"
#include "sessions/analysis/gate_opener.h"
#include "sessions/base/paths.h"
#include "sessions/session/policy_undo.h"

namespace deer {
namespace {

constexpr int kGuessedTokens = 13;  // of the paper's prompts
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// `gate`: whose values the calibration set holds; empty if it holds others.
ExitCosts costs_of(const ModelSummary& model, int tokens, const GateReference& gate) {
  if (!model.config) return exit_costs(model.exit_layers);
  CostModel cost(*model.config);
  if (!gate.empty()) cost.set_gate(gate_cost(with_gate({}, gate), model.gate));
  const int bytes = model.dtype == "float32" ? 4 : 2;
  const auto device = model.device.starts_with("cuda") ? MemoryModel::Device::cuda : MemoryModel::Device::cpu;
  return exit_costs(model.exit_layers, cost, MemoryModel(cost, bytes, device, tokens), tokens);
}

bool has_exits_of(const CalibrationSet& set, const ModelSummary& model) {
  return set.exit_layers.empty() || set.exit_layers == model.exit_layers;
}

}  // namespace

Budget::Budget(Session* session, QObject* parent) : QObject(parent), session_(session), tally_(RunTally::of(session)) {
  connect(session, &Session::model_changed, this, &Budget::change_model);
  connect(session, &Session::records_changed, this, &Budget::note_prompt);
  connect(tally_, &RunTally::started_anew, this, &Budget::measured_changed);
  connect(tally_, &RunTally::changed, this, &Budget::measured_changed);
  connect(&loader_, &CalibrationLoader::loaded, this, &Budget::use_calibration);
  connect(&loader_, &CalibrationLoader::none_found, this, &Budget::set_changed);
  connect(&loader_, &CalibrationLoader::failed, this, [this](const QString& reason) {
    Q_EMIT set_changed();
    Q_EMIT problem({tr("The calibration set cannot be read"), reason, {}});
  });
  connect(&meter_, &CostMeter::measured, this, &Budget::take_timings);
  connect(&meter_, &CostMeter::failed, this, [this](const QString& reason) {
    Q_EMIT problem({tr("The model could not be measured"), reason, {}});
  });
  connect(&search_, &BudgetSearch::solved, this, &Budget::take_solution);
  connect(&search_, &BudgetSearch::drawn, this, [this](const BudgetCurves& curves) {
    curves_ = curves;
    Q_EMIT curves_changed();
  });
  connect(&search_, &BudgetSearch::failed, this, [this](const QString& reason) {
    solution_.reset();
    thresholds_.reset();
    Q_EMIT solution_changed();
    Q_EMIT problem({tr("The budget cannot be solved"), reason, {}});
  });
  auto* const undo = PolicyUndo::of(session);
  undo->set_request_source([self = QPointer<const Budget>(this)] { return self ? self->request() : BudgetRequest(); });
  connect(undo, &PolicyUndo::restored, this, [this](const std::optional<BudgetRequest>& request) {
    if (request && *request != request_) replace_request(*request);
  });
  if (session->model()) change_model();
}

QString Budget::set_origin() const {
  return set() ? describe_calibration(calibration_.found.file, calibration_.found.origin) : QString();
}

void Budget::open_calibration(const std::filesystem::path& file) {
  if (const auto* const model = session_->model()) {
    chosen_file_ = file;
    chosen_model_ = model->path;
  }
  loader_.open(file);
  Q_EMIT set_changed();
}

void Budget::change_model() {
  meter_.cancel();
  loader_.cancel();  // a set that is being read was for the model before
  timings_.reset();
  tokens_ = kGuessedTokens;
  tokens_known_ = false;
  calibration_ = {};
  curves_ = {};
  Q_EMIT curves_changed();
  request_ = {};
  Q_EMIT request_replaced();
  update_costs();
  const auto* const model = session_->model();
  if (!model || model->path.empty()) return;
  model->path == chosen_model_ ? loader_.open(chosen_file_) : loader_.find(model->path);
  Q_EMIT set_changed();
}

void Budget::use_calibration(const LoadedCalibration& calibration) {
  calibration_ = calibration;
  curves_ = {};
  Q_EMIT curves_changed();
  const auto* const model = session_->model();
  const bool chosen = calibration.found.origin == CalibrationOrigin::chosen;
  if (model && !chosen) request_.average_depth = active_depth();
  update_costs();
  PolicyUndo::of(session_)->note_request();
  Q_EMIT request_replaced();
  if (!model || !chosen || fits_) return;
  Q_EMIT problem({tr("The calibration set does not fit the model"),
                  tr("%1 has exits after other layers than %2.")
                      .arg(to_qstring(calibration.found.file), QString::fromStdString(model->name)),
                  tr("Open the set that was made with this model, or make one with deer calibrate.")});
}

void Budget::note_prompt(qint64 first, qint64 last) {
  if (tokens_known_ || !session_->model()) return;
  for (auto frame = first; frame <= last; ++frame) {
    const auto record = session_->record(frame);
    if (!record || record->prompt_tokens == 0) continue;
    tokens_known_ = true;
    if (record->prompt_tokens == tokens_) return;
    tokens_ = record->prompt_tokens;
    return update_costs();
  }
}

void Budget::measure_timings() {
  const auto* const model = session_->model();
  if (!model || meter_.running()) return;
  meter_.start(model->path, session_->engine_options(), set() ? gate_of(*set()) : GateReference());
}

void Budget::take_timings(const StageTimings& timings) {
  timings_ = timings;
  update_costs();
}

void Budget::update_costs() {
  costs_ = {};
  const auto* const model = session_->model();
  if (model) {
    try {
      costs_ = costs_of(*model, tokens_, set() ? gate_of(*set()) : GateReference());
      if (timings_) add_milliseconds(costs_, *timings_);
    } catch (const Error& error) {
      Q_EMIT problem({tr("The model's costs are not known"), QString::fromUtf8(error.what()), {}});
      costs_ = exit_costs(model->exit_layers);
    }
  }
  const auto& set = calibration_.found.set;
  fits_ = model && set && has_exits_of(set->set(), *model);
  solution_.reset();
  thresholds_.reset();
  Q_EMIT set_changed();
  solve();
}

void Budget::set_request(const BudgetRequest& request) {
  request_ = request;
  solve();
}

void Budget::replace_request(const BudgetRequest& request) {
  request_ = request;
  Q_EMIT request_replaced();
  solve();
}

void Budget::solve() {
  if (fits_) {
    search_.ask({calibration_.found.set, calibration_.sample, costs_, request_});
  } else {
    search_.cancel();
    solution_.reset();
    thresholds_.reset();
  }
  Q_EMIT solution_changed();
}

void Budget::take_solution(const BudgetSolution& solution) {
  solution_ = solution;
  thresholds_.reset();
  if (solution.feasible && !solution.exit_layers.empty()) {
    try {
      thresholds_ = deer::apply(solution, *set(), *session_->model(), {});
    } catch (const Error& error) {
      Q_EMIT problem({tr("The budget cannot be solved"), QString::fromUtf8(error.what()), {}});
    }
  }
  Q_EMIT solution_changed();
}

std::optional<BudgetQuestion> Budget::question_for(double mean_depth) const {
  if (!fits_) return std::nullopt;
  BudgetRequest request;
  request.average_depth = mean_depth;
  request.method = request_.method;
  return BudgetQuestion{calibration_.found.set, calibration_.sample, costs_, request};
}

std::optional<ExitPolicy> Budget::policy_of(const BudgetSolution& solution) const {
  if (!fits_ || !session_->model() || solution.exit_layers.empty()) return std::nullopt;
  try {
    return with_thresholds_of(deer::apply(solution, *set(), *session_->model(), {}), session_->policy());
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<ExitPolicy> Budget::policy() const {
  if (!thresholds_) return std::nullopt;
  return with_thresholds_of(*thresholds_, session_->policy());
}

bool Budget::apply(const QString& text, quint64 step) {
  const auto wanted = policy();
  if (!wanted || frozen_) return false;
  PolicyUndo::of(session_)->change(*wanted, text, step);
  return true;
}

bool Budget::applied() const {
  const auto wanted = policy();
  return wanted && *wanted == session_->policy();
}

void Budget::set_frozen(bool frozen) {
  if (std::exchange(frozen_, frozen) != frozen) Q_EMIT frozen_changed(frozen);
}

/// Mean over the set; none if the active thresholds are of another kind than a budget's.
std::optional<double> Budget::active_depth() const {
  const auto& policy = session_->policy();
  const auto& set = *calibration_.found.set;
  const auto layers = session_->model()->exit_layers;
  if (policy.criterion != Criterion::action_delta || !policy.leq || policy.max_layer ||
      policy.thresholds.size() != layers.size() || set.set().values.size() != layers.size()) {
    return std::nullopt;
  }
  const std::vector<float> thresholds(policy.thresholds.begin(), policy.thresholds.end());
  try {
    const double depth = evaluate_thresholds(set, exit_costs(layers), thresholds).depth.mean;
    if (depth >= layers.back() + 1) return std::nullopt;  // the whole model is no limit
    // Solved thresholds come to a little less than what was asked for, most often a round number.
    constexpr double kShort = 0.02;
    const double asked = std::ceil(10 * depth) / 10;
    return asked - depth < kShort ? asked : depth;
  } catch (const Error&) {
    return std::nullopt;  // thresholds that no budget has
  }
}

MeasuredResult Budget::measured(CostUnit unit) const {
  MeasuredResult out;
  out.frames = tally_->evaluated();
  if (!session_->model() || out.frames == 0) return out;
  out.mean_depth = out.mean_cost = tally_->mean_depth();
  out.mean_error = tally_->mean_error();
  if (unit == CostUnit::layers) return out;
  const auto by_exit = costs_in(unit, costs_);
  const auto& counts = tally_->by_exit();
  if (tally_->at_other_exits() > 0 || by_exit.size() != counts.size()) {
    out.mean_cost = kUnknown;
    return out;
  }
  double sum = 0;
  for (std::size_t exit = 0; exit < counts.size(); ++exit) sum += by_exit[exit] * static_cast<double>(counts[exit]);
  out.mean_cost = sum / static_cast<double>(out.frames);
  return out;
}

void Budget::save_thresholds(const std::filesystem::path& file) {
  if (!solution_ || !set()) return;
  files_.post(
      [file, solution = *solution_, request = request_, calibration = calibration()] {
        write_thresholds(file, thresholds_of(solution, request, calibration->set()));
        return true;
      },
      [](bool) {},
      [this](const QString& reason) {
        Q_EMIT problem({tr("The thresholds could not be saved"), reason, {}});
      });
}

void Budget::load_thresholds(const std::filesystem::path& file) {
  if (!session_->model()) return;
  const auto fail = [this](const QString& reason) {
    Q_EMIT problem({tr("The thresholds could not be read"), reason, {}});
  };
  files_.post([file] { return read_thresholds(file); },
              [this, fail](const ThresholdsFile& read) {
                try {
                  use_thresholds(read);
                } catch (const Error& error) {
                  fail(QString::fromUtf8(error.what()));
                }
              },
              fail);
}

void Budget::use_thresholds(const ThresholdsFile& file) {
  const auto* const model = session_->model();
  if (!model) return;
  const auto policy = deer::apply(file, *model, session_->policy());
  if (!set()) {
    PolicyUndo::of(session_)->change(policy, tr("Thresholds of %1").arg(to_qstring(file.file.filename())));
    return;
  }
  check_criterion(file, *set());
  auto request = request_;
  request.locked.assign(model->exit_layers.size(), std::numeric_limits<float>::quiet_NaN());
  std::transform(policy.thresholds.begin(), policy.thresholds.end(), request.locked.begin(),
                 [](double threshold) { return static_cast<float>(threshold); });
  request.max_layer = policy.max_layer;
  replace_request(request);
  Q_EMIT thresholds_loaded();
}

QString Budget::reference_line() const {
  if (!solution_ || !set()) return {};
  try {
    return QString::fromStdString(
        reference_arguments(thresholds_of(*solution_, request_, *set()), session_->model()->exit_layers.back()));
  } catch (const Error&) {
    return {};
  }
}

}  // namespace deer
