// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/budget.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.h"
#include "core/budget/cost_model.h"
#include "core/budget/thresholds_file.h"
#include "core/exits/criterion.h"
#include "core/model/model_config.h"
#include "sessions/base/paths.h"

namespace deer {
namespace {

constexpr std::int64_t kSmall = 2000;  // samples with which the least error is found within a frame
constexpr int kCurvePoints = 40;
constexpr int kGuessedTokens = 13;  // of the paper's prompts
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

std::optional<ExitDistribution> family_of(ThresholdMethod method) {
  switch (method) {
    case ThresholdMethod::exponential:
      return ExitDistribution::exponential;
    case ThresholdMethod::gaussian:
      return ExitDistribution::gaussian;
    case ThresholdMethod::gamma:
      return ExitDistribution::gamma;
    case ThresholdMethod::optimal:
      break;
  }
  return std::nullopt;
}

}  // namespace

struct Budget::Task {
  enum class Kind { open, solve, curves };
  Kind kind = Kind::solve;
  quint64 number = 0;
  std::filesystem::path file;   ///< to open
  std::filesystem::path model;  ///< instead: whose set is to be found
  std::shared_ptr<const PreparedCalibration> set;
  std::shared_ptr<const PreparedCalibration> small;
  ExitCosts costs;
  BudgetRequest request;
  std::stop_token stop;
};

Budget::Budget(Session* session, QObject* parent) : QObject(parent), session_(session) {
  connect(session, &Session::model_changed, this, &Budget::model_changed);
  connect(session, &Session::records_changed, this, [this](qint64 first, qint64 last) {
    if (tokens_seen_ || !session_->model()) return;
    for (auto frame = first; frame <= last; ++frame) {
      const auto record = session_->record(frame);
      if (!record || record->prompt_tokens == 0) continue;
      tokens_seen_ = true;
      if (std::exchange(tokens_, record->prompt_tokens) != tokens_) update_costs();
      break;
    }
  });
  slices_ = new RecordSlices(session,
                             {.start_anew =
                                  [this](qint64 frames) {
                                    const auto* const model = session_->model();
                                    seen_.assign(static_cast<std::size_t>(frames), {});
                                    seen_by_exit_.assign((model ? model->exit_layers.size() : 0) + 1, 0);
                                    seen_count_ = depth_sum_ = error_count_ = 0;
                                    error_sum_ = 0;
                                  },
                              .grow = [this](qint64 frames) { seen_.resize(static_cast<std::size_t>(frames)); },
                              .take = [this](qint64 frame, const FrameRecordPtr& record) { see(frame, record.get()); },
                              .taken = [this] { Q_EMIT reality_changed(); },
                              .lose = [this](qint64 frame) { see(frame, nullptr); }},
                             this);
  slices_->start();
  thread_ = std::jthread([this](std::stop_token stop) { work(stop); });
  if (session->model()) model_changed();
}

Budget::~Budget() {
  solve_stop_.request_stop();
  measure_stop_.request_stop();
  thread_.request_stop();
  measure_thread_.request_stop();
  if (measure_thread_.joinable()) measure_thread_.join();
  thread_.join();
}

template <typename Function>
void Budget::answer(Function function) {
  QMetaObject::invokeMethod(this, std::move(function), Qt::QueuedConnection);
}

const CalibrationSet* Budget::set() const { return set_ && fits_ ? &set_->set() : nullptr; }

void Budget::open_calibration(const std::filesystem::path& file) {
  if (const auto* const model = session_->model()) {
    chosen_file_ = file;
    chosen_model_ = model->path;
  }
  Task task;
  task.file = file;
  begin_opening(std::move(task));
}

void Budget::begin_opening(Task task) {
  opening_ = true;
  task.kind = Task::Kind::open;
  task.number = ++open_number_;
  post(std::move(task));
  Q_EMIT set_changed();
}

ExitCosts Budget::costs_of(const ModelSummary& model, int tokens) {
  if (!model.config) return exit_costs(model.exit_layers);
  const CostModel cost(*model.config);
  const int bytes = model.dtype == "float32" ? 4 : 2;
  const auto device = model.device.starts_with("cuda") ? MemoryModel::Device::cuda : MemoryModel::Device::cpu;
  return exit_costs(model.exit_layers, cost, MemoryModel(cost, bytes, device, tokens), tokens);
}

void Budget::model_changed() {
  cancel_measuring();
  timings_.reset();
  tokens_ = kGuessedTokens;
  tokens_seen_ = false;
  set_.reset();
  small_.reset();
  file_.clear();
  fits_ = false;
  ++open_number_;  // one that is being read was for the model before
  opening_ = false;
  request_ = {};
  update_costs();
  const auto* const model = session_->model();
  if (!model || model->path.empty()) return;
  Task task;
  model->path == chosen_model_ ? task.file = chosen_file_ : task.model = model->path;
  begin_opening(std::move(task));
}

void Budget::update_costs() {
  costs_ = {};
  if (const auto* const model = session_->model()) {
    try {
      costs_ = costs_of(*model, tokens_);
      if (timings_) add_milliseconds(costs_, *timings_);
    } catch (const Error& error) {
      Q_EMIT problem({tr("The model's costs are not known"), QString::fromUtf8(error.what()), {}});
      costs_ = exit_costs(model->exit_layers);
    }
  }
  start_anew();
}

void Budget::start_anew() {
  const auto* const model = session_->model();
  fits_ = model && set_ && (set_->set().exit_layers.empty() || set_->set().exit_layers == model->exit_layers);
  solution_.reset();
  curves_ = {};
  Q_EMIT set_changed();
  Q_EMIT curves_changed();
  solve();
}

void Budget::set_request(const BudgetRequest& request) {
  const bool other_family = request.method != request_.method || request.skip_first != request_.skip_first ||
                            request.average_gflops.has_value() != request_.average_gflops.has_value();
  request_ = request;
  Q_EMIT request_changed();
  if (other_family) curve_number_ = 0;
  solve();
}

void Budget::solve() {
  solve_stop_.request_stop();
  solve_stop_ = {};
  solved_number_ = ++wanted_number_;
  if (!set_ || !fits_) {
    solution_.reset();
    Q_EMIT solution_changed();
    return;
  }
  solved_number_ = 0;
  Task task;
  task.number = wanted_number_;
  task.set = set_;
  task.small = small_;
  task.costs = costs_;
  task.request = request_;
  task.stop = solve_stop_.get_token();
  if (curve_number_ == 0 && set_->has_errors()) {
    auto curves = task;
    curves.kind = Task::Kind::curves;
    curve_number_ = curves.number;
    curves.stop = {};
    post(std::move(curves));
  }
  post(std::move(task));
  Q_EMIT solution_changed();
}

void Budget::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    auto& place = task.kind == Task::Kind::open    ? open_task_
                  : task.kind == Task::Kind::solve ? solve_task_
                                                   : curve_task_;
    place = std::make_unique<Task>(std::move(task));
  }
  wake_.notify_one();
}

void Budget::work(std::stop_token stop) {
  while (!stop.stop_requested()) {
    std::unique_ptr<Task> task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, stop, [this] { return open_task_ || solve_task_ || curve_task_; });
      for (auto* const place : {&open_task_, &solve_task_, &curve_task_}) {
        if (!task) task = std::exchange(*place, nullptr);
      }
    }
    if (task && !stop.stop_requested()) serve(*task);
  }
}

void Budget::serve(const Task& task) {
  const auto number = task.number;
  try {
    if (task.kind == Task::Kind::open) return open(task);
    if (task.kind == Task::Kind::curves) {
      const auto& costs = task.costs.llm_gflops;
      std::vector<double> depths;
      for (const int layer : task.costs.exit_layers) depths.push_back(layer + 1.0);
      // The plot's axis is what the person counts in.
      const auto& axis = task.request.average_gflops && !costs.empty() ? costs : depths;
      BudgetCurves curves;
      if (const auto family = family_of(task.request.method)) {
        curves.family = family_curve(*task.set, axis, *family, kCurvePoints, task.request.skip_first);
      }
      OptimalOptions options;
      options.quick = true;
      curves.optimal = optimal_curve(*task.small, axis, kCurvePoints, options);
      answer([this, number, curves = std::move(curves)]() mutable {
        if (number != curve_number_) return;
        curves_ = std::move(curves);
        Q_EMIT curves_changed();
      });
      return;
    }
    const auto finished = [this, number](BudgetSolution solution, bool last) {
      answer([this, number, last, solution = std::move(solution)]() mutable {
        if (number != wanted_number_) return;
        solution_ = std::move(solution);
        if (last) solved_number_ = number;
        Q_EMIT solution_changed();
      });
    };
    if (task.request.method == ThresholdMethod::optimal) {
      auto quick = task.request;
      quick.quick = true;
      finished(solve_budget(*task.small, task.costs, quick, task.stop), false);
    }
    finished(solve_budget(*task.set, task.costs, task.request, task.stop), true);
  } catch (const Cancelled&) {
  } catch (const std::exception& error) {
    Problem what = {
        task.kind == Task::Kind::open ? tr("The calibration set cannot be read") : tr("The budget cannot be solved"),
        QString::fromUtf8(error.what()),
        {}};
    answer([this, number, kind = task.kind, what = std::move(what)] {
      if (kind == Task::Kind::open) {
        if (number != open_number_) return;
        opening_ = false;
        Q_EMIT set_changed();
      } else if (kind == Task::Kind::solve) {
        if (number != wanted_number_) return;
        solved_number_ = number;
        solution_.reset();
        Q_EMIT solution_changed();
      }
      Q_EMIT problem(what);
    });
  }
}

void Budget::open(const Task& task) {
  std::optional<FoundCalibration> found;
  if (task.model.empty()) {
    found = {task.file, CalibrationOrigin::chosen,
             std::make_shared<const PreparedCalibration>(read_calibration(task.file))};
  } else {
    found = find_calibration(task.model);
  }
  auto small = found ? std::make_shared<const PreparedCalibration>(found->set->subsample(kSmall)) : nullptr;
  answer([this, number = task.number, found = std::move(found), small = std::move(small)] {
    if (number != open_number_) return;
    opening_ = false;
    set_ = found ? found->set : nullptr;
    small_ = small;
    file_ = found ? found->file : std::filesystem::path();
    origin_ = found ? found->origin : CalibrationOrigin::chosen;
    curve_number_ = 0;
    if (set_ && origin_ != CalibrationOrigin::chosen) {
      request_.average_depth = depth_in_force();
      Q_EMIT request_changed();
    }
    start_anew();
    if (set_ && !fits_ && session_->model() && origin_ == CalibrationOrigin::chosen) {
      Q_EMIT problem({tr("The calibration set does not fit the model"),
                      tr("%1 has exits after other layers than %2.")
                          .arg(to_qstring(file_), QString::fromStdString(session_->model()->name)),
                      tr("Open the set that was made with this model, or make one with deer calibrate.")});
    }
  });
}

void Budget::measure_timings() {
  const auto* const model = session_->model();
  if (!model || measuring_) return;
  measuring_ = true;
  measured_share_ = 0;
  measure_stop_ = {};
  if (measure_thread_.joinable()) measure_thread_.join();  // it has ended, or was told to
  measure_thread_ =
      std::jthread([this, path = model->path, options = session_->engine_options(), stop = measure_stop_.get_token()] {
        const auto end = [this, stop](auto function) {
          answer([this, stop, function] {
            if (stop.stop_requested()) return;
            measuring_ = false;
            function();
            Q_EMIT measuring_changed();
          });
        };
        try {
          const auto engine = Engine::load(path, options, {}, stop);
          TimingOptions timing;
          timing.stop = stop;
          timing.progress = [this, stop](int done, int total) {
            answer([this, stop, share = static_cast<double>(done) / std::max(1, total)] {
              if (stop.stop_requested()) return;
              measured_share_ = share;
              Q_EMIT measuring_changed();
            });
          };
          auto timings = deer::measure_timings(*engine, timing);
          end([this, timings] {
            timings_ = timings;
            update_costs();
          });
        } catch (const Cancelled&) {
        } catch (const std::exception& error) {
          end([this, text = QString::fromUtf8(error.what())] {
            Q_EMIT problem({tr("The model could not be measured"), text, {}});
          });
        }
      });
  Q_EMIT measuring_changed();
}

void Budget::cancel_measuring() {
  measure_stop_.request_stop();
  if (!std::exchange(measuring_, false)) return;
  Q_EMIT measuring_changed();
}

std::optional<ExitPolicy> Budget::policy() const {
  if (!solution_ || !solution_->feasible || solution_->exit_layers.empty()) return std::nullopt;
  const auto file = thresholds_of(*solution_, request_, set_->set());
  auto policy = session_->policy();
  policy.criterion = file.criterion;
  policy.delta_type = file.delta_type;
  policy.thresholds = file.thresholds;
  policy.leq = true;
  policy.max_layer.reset();
  const auto& exits = session_->model()->exit_layers;
  if (solution_->deepest_layer() != exits.back()) policy.max_layer = solution_->deepest_layer() + 1;
  return policy;
}

bool Budget::apply() {
  const auto wanted = policy();
  if (!wanted || frozen_) return false;
  session_->set_policy(*wanted);
  return true;
}

void Budget::set_frozen(bool frozen) {
  if (std::exchange(frozen_, frozen) != frozen) Q_EMIT frozen_changed(frozen);
}

std::optional<double> Budget::depth_in_force() const {
  const auto& policy = session_->policy();
  const auto& set = set_->set();
  const auto layers = session_->model()->exit_layers;
  if (policy.criterion != Criterion::action_delta || !policy.leq || policy.max_layer ||
      policy.thresholds.size() != layers.size() || set.values.size() != layers.size()) {
    return std::nullopt;
  }
  const std::vector<float> thresholds(policy.thresholds.begin(), policy.thresholds.end());
  try {
    const double depth = evaluate_thresholds(*set_, exit_costs(layers), thresholds).depth.mean;
    // The whole model is no limit.
    return depth < layers.back() + 1 ? std::optional<double>(depth) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;  // thresholds that no budget has
  }
}

bool Budget::applied() const {
  const auto wanted = policy();
  return wanted && *wanted == session_->policy();
}

void Budget::count(const Seen& seen, int sign) {
  if (seen.depth == 0) return;
  seen_count_ += sign;
  depth_sum_ += sign * seen.depth;
  const auto last = static_cast<int>(seen_by_exit_.size()) - 1;
  const int exit = seen.exit >= 0 && seen.exit < last ? seen.exit : last;
  seen_by_exit_[static_cast<std::size_t>(exit)] += sign;
  if (std::isnan(seen.error)) return;
  error_sum_ += sign * static_cast<double>(seen.error);
  error_count_ += sign;
}

void Budget::see(qint64 frame, const FrameRecord* record) {
  auto& seen = seen_[static_cast<std::size_t>(frame)];
  count(seen, -1);
  seen = {};
  if (record) {
    const auto* const model = session_->model();
    const bool whole = model && !record->exits.empty() && record->exits.back().layer == model->exit_layers.back();
    seen = {record->depth(), record->exit_index,
            whole ? action_delta(DeltaType::l2, *record->layout, record->action, record->exits.back().action)
                  : kNotEvaluated};
  }
  count(seen, +1);
}

BudgetReality Budget::reality() const {
  BudgetReality out;
  if (!session_->model()) return out;
  out.frames = seen_count_;
  const auto frames = static_cast<double>(std::max<qint64>(1, seen_count_));
  out.mean_depth = static_cast<double>(depth_sum_) / frames;
  for (std::size_t exit = 0; exit < seen_by_exit_.size(); ++exit) {
    if (seen_by_exit_[exit] == 0) continue;
    const bool known = exit + 1 < seen_by_exit_.size() && exit < costs_.llm_gflops.size();
    out.mean_llm_gflops += known ? costs_.llm_gflops[exit] * static_cast<double>(seen_by_exit_[exit]) : kUnknown;
  }
  out.mean_llm_gflops /= frames;
  const bool all = error_count_ == seen_count_ && error_count_ > 0;
  out.mean_error = all ? std::max(0.0, error_sum_) / frames : kUnknown;
  return out;
}

void Budget::save_thresholds(const std::filesystem::path& file) {
  if (!solution_ || !set_) return;
  try {
    write_thresholds(file, thresholds_of(*solution_, request_, set_->set()));
  } catch (const Error& error) {
    Q_EMIT problem({tr("The thresholds could not be saved"), QString::fromUtf8(error.what()), {}});
  }
}

void Budget::load_thresholds(const std::filesystem::path& file) {
  const auto* const model = session_->model();
  if (!model) return;
  try {
    const auto read = read_thresholds(file);
    const auto policy = deer::apply(read, *model, session_->policy());
    if (!set()) {
      session_->set_policy(policy);
      return;
    }
    check_criterion(read, set_->set());
    auto request = request_;
    request.locked.assign(model->exit_layers.size(), std::numeric_limits<float>::quiet_NaN());
    std::transform(policy.thresholds.begin(), policy.thresholds.end(), request.locked.begin(),
                   [](double threshold) { return static_cast<float>(threshold); });
    request.max_layer = policy.max_layer;
    set_request(request);
  } catch (const Error& error) {
    Q_EMIT problem({tr("The thresholds could not be read"), QString::fromUtf8(error.what()), {}});
  }
}

QString Budget::reference_line() const {
  if (!solution_ || !set_ || !session_->model()) return {};
  try {
    return QString::fromStdString(
        reference_arguments(thresholds_of(*solution_, request_, set_->set()), session_->model()->exit_layers.back()));
  } catch (const Error&) {
    return {};
  }
}

}  // namespace deer
