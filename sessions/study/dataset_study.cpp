// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/study/dataset_study.h"

#include <QCryptographicHash>
#include <QStandardPaths>
#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/error.h"
#include "core/debug/expression.h"
#include "core/episodes/recording_collection.h"
#include "core/exits/policy_json.h"
#include "core/model/heads_folder.h"
#include "core/study/study_builder.h"
#include "core/trace/trace_reader.h"
#include "sessions/analysis/episode_runs.h"
#include "sessions/base/paths.h"
#include "sessions/session/source_key.h"

namespace deer {
namespace {

constexpr int kPollMs = 2000;
constexpr std::chrono::milliseconds kReportEvery{400};

DatasetRow row_of(const EpisodeEntry& entry, std::size_t episode) {
  DatasetRow out;
  out.episode = episode;
  out.task = QString::fromStdString(entry.task);
  out.instruction = QString::fromStdString(entry.title);
  out.frames = entry.length();
  return out;
}

void fill(DatasetRow& row, const EpisodeStudy& episode) {
  const auto& s = episode.summary;
  if (!episode.task.empty()) row.task = QString::fromStdString(episode.task);
  row.frames = s.frames;
  row.was_run = true;
  row.mean_depth = s.depth.mean();
  row.largest_depth = s.depth.peak;
  row.by_exit.assign(s.frames_by_exit.begin(), s.frames_by_exit.end());
  row.elsewhere = s.frames_elsewhere;
  row.saving = saving_times(s);
  row.cost = s.cost.sum;
  row.full_cost = s.full_cost.sum;
  row.distance = mean_of_all(s.distance_to_deepest, s.frames);
  row.error = mean_of_all(s.error_to_deepest, s.frames);
  row.gripper_differs = s.error_to_deepest.count == s.frames ? s.gripper_differs_from_deepest : -1;
  row.flips = episode.flips.value_or(-1);
}

void fill(DatasetRow& row, const EpisodeRun& run) {
  row.was_run = true;
  row.mean_depth = run.mean_depth;
  row.largest_depth = run.largest_depth;
  row.by_exit = run.by_exit;
  row.elsewhere = run.at_other_exits;
  row.distance = run.mean_distance;
  row.error = run.mean_error;
  row.gripper_differs = run.gripper_differs;
  if (std::isnan(run.cost)) return;
  row.cost = run.cost;
  row.full_cost = run.full_cost;
  row.saving = saving_times(run.cost, run.full_cost);
}

}  // namespace

struct DatasetStudy::Result {
  std::shared_ptr<const Study> study = {};
  qint64 frames_in_trace = 0;
  double progress = -1;
  bool last = false;  ///< no more of this request comes
  QString error = {};
  QString where_error = {};
};

std::filesystem::path DatasetStudy::default_folder() {
  return to_path(QStandardPaths::writableLocation(QStandardPaths::CacheLocation)) / "datasets";
}

DatasetStudy::DatasetStudy(Session* session, std::filesystem::path folder, QObject* parent)
    : QObject(parent), session_(session), folder_(std::move(folder)), runs_(EpisodeRuns::of(session)) {
  poll_.setInterval(kPollMs);
  connect(&poll_, &QTimer::timeout, this, [this] {
    if (!busy_) continue_study();
  });
  connect(session, &Session::collection_changed, this, &DatasetStudy::open_source);
  connect(session, &Session::model_changed, this, &DatasetStudy::find_trace);
  connect(runs_, &EpisodeRuns::changed, this, [this] {
    fill_rows();
    Q_EMIT rows_changed();
  });
  connect(&run_, &DatasetRun::running_changed, this, [this] {
    run_.running() ? poll_.start() : poll_.stop();
    Q_EMIT state_changed();
  });
  connect(&run_, &DatasetRun::finished, this, &DatasetStudy::continue_study);
  connect(&run_, &DatasetRun::failed, this, [this](const QString& message) {
    continue_study();
    Q_EMIT problem({.title = tr("The episodes could not be run"), .details = message, .advice = {}});
  });
  open_source();
}

DatasetStudy::~DatasetStudy() { run_.disconnect(this); }

std::vector<int> DatasetStudy::exit_layers() const {
  if (study_) return study_->model.exit_layers;
  const auto* const model = session_->model();
  return model ? model->exit_layers : std::vector<int>();
}

QString DatasetStudy::distance_unit() const {
  const auto* const model = session_->model();
  const auto layout = study_ ? study_->model.layout : model ? model->layout : nullptr;
  return layout ? QString::fromStdString(deer::distance_unit(*layout)) : QString();
}

std::vector<qint64> DatasetStudy::by_exit() const {
  std::vector<qint64> out(static_cast<std::size_t>(exits_), 0);
  for (const auto& row : rows_) {
    for (std::size_t exit = 0; exit < std::min(out.size(), row.by_exit.size()); ++exit) out[exit] += row.by_exit[exit];
  }
  return out;
}

void DatasetStudy::open_source() {
  if (run_.running()) run_.cancel();
  run_once_read_ = false;
  trace_.clear();
  rows_.clear();
  wanted_frames_ = 0;
  if (const auto* const data = session_->collection()) {
    const auto& entries = data->episodes();
    rows_.reserve(entries.size());
    // As `deer trace` does.
    const bool only_annotated = std::any_of(entries.begin(), entries.end(), [](const EpisodeEntry& one) {
      return one.kind == EpisodeEntry::Kind::language_annotation;
    });
    for (std::size_t i = 0; i < entries.size(); ++i) {
      rows_.push_back(row_of(entries[i], i));
      if (only_annotated && entries[i].kind != EpisodeEntry::Kind::language_annotation) continue;
      wanted_frames_ += entries[i].length();
    }
  }
  find_trace();
  Q_EMIT rows_replaced();
}

std::filesystem::path DatasetStudy::run_file() const {
  const auto* const model = session_->model();
  const auto* const data = session_->collection();
  if (!model || !data || model->path.empty()) return {};  // a policy of another program has no path
  // One trace for each model and dataset, whatever else is open in between.
  QStringList parts{to_qstring(std::filesystem::absolute(model->path).lexically_normal()),
                    QString::fromStdString(model->dtype), QString::number(model->layers),
                    to_qstring(std::filesystem::absolute(data->path()).lexically_normal())};
  if (const auto mapping = mapping_key(data); !mapping.isEmpty()) parts << mapping;
  const auto key = parts.join(u'\n');
  const auto digest = QCryptographicHash::hash(key.toUtf8(), QCryptographicHash::Sha1).toHex().left(16);
  return folder_ / (digest.toStdString() + ".h5");
}

void DatasetStudy::find_trace() {
  const auto* const data = session_->collection();
  trace_is_open_ = data && data->kind() == "trace";
  const auto file = !data ? std::filesystem::path() : trace_is_open_ ? data->path() : run_file();
  if (file == trace_ && study_) {
    fill_rows();
    Q_EMIT rows_changed();
    return;
  }
  if (run_.running()) run_.cancel();
  trace_ = file;
  start_study();
}

void DatasetStudy::set_where(const QString& expression) {
  if (where_ == expression) return;
  where_ = expression;
  start_study();
}

void DatasetStudy::set_baseline(std::optional<ExitPolicy> policy) {
  if (baseline_ == policy) return;
  baseline_ = std::move(policy);
  start_study();
}

void DatasetStudy::start_study() {
  study_.reset();
  where_error_.clear();
  frames_in_trace_ = 0;
  StudyOptions options;
  options.where = where_.toStdString();
  options.baseline_policy = baseline_;
  options.baseline_name = "active policy";
  options.engine = session_->engine_options();
  builder_ = std::make_shared<StudyBuilder>(std::move(options));
  fill_rows();
  Q_EMIT rows_changed();
  continue_study();
}

void DatasetStudy::set_wanted(bool wanted) {
  if (wanted_ == wanted) return;
  wanted_ = wanted;
  if (wanted) continue_study();
}

void DatasetStudy::continue_study() {
  if (trace_.empty() || !wanted_) {
    request_.cancel();
    task_.forget();
    busy_ = false;
    progress_ = -1;
    Q_EMIT state_changed();
    return;
  }
  busy_ = true;
  const auto ticket = request_.issue();
  const qint64 whole = trace_is_open_ ? 0 : wanted_frames_;
  // The builder is used by one task after another: a task that is replaced has ended before the next begins.
  task_.ask([this, ticket, builder = builder_, file = trace_, whole](const std::stop_token& stop) {
    auto last_report = std::chrono::steady_clock::now();
    const auto answer = [&](Result result) {
      result.study = std::make_shared<const Study>(builder->study());
      auto shared = std::make_shared<const Result>(std::move(result));
      QMetaObject::invokeMethod(
          this, [this, ticket, shared] { take(ticket, shared); }, Qt::QueuedConnection);
    };
    Result result{.last = true};
    try {
      std::error_code missing;
      if (std::filesystem::exists(file, missing)) {
        result.frames_in_trace = TraceReader::open(file)->frames();
        const bool complete = result.frames_in_trace >= whole;
        const auto report = [&](std::int64_t done, std::int64_t total) {
          const auto now = std::chrono::steady_clock::now();
          if (now - last_report < kReportEvery) return;
          last_report = now;
          answer({.frames_in_trace = result.frames_in_trace,
                  .progress = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : -1});
        };
        if (result.frames_in_trace > 0) builder->add(file, complete, report, stop);
      }
    } catch (const Cancelled&) {
      // What was studied stays.
    } catch (const ExpressionError& error) {
      result.where_error = QString::fromUtf8(error.what());
    } catch (const std::exception& error) {
      result.error = QString::fromUtf8(error.what());
    }
    answer(std::move(result));
  });
  Q_EMIT state_changed();
}

void DatasetStudy::take(const Ticket& ticket, const std::shared_ptr<const Result>& result) {
  if (!request_.is_current(ticket)) return;
  study_ = result->study && !result->study->traces.empty() ? result->study : nullptr;
  frames_in_trace_ = result->frames_in_trace;
  busy_ = !result->last;
  progress_ = result->progress;
  where_error_ = result->where_error;
  if (run_.running() && wanted_frames_ > 0) {
    progress_ = std::min(1.0, static_cast<double>(frames_in_trace_) / static_cast<double>(wanted_frames_));
  }
  fill_rows();
  Q_EMIT rows_changed();
  Q_EMIT state_changed();
  if (!result->error.isEmpty()) {
    Q_EMIT problem({.title = tr("The trace could not be read"), .details = result->error, .advice = {}});
  }
  if (result->last && run_once_read_) {
    run_once_read_ = false;
    if (!all_run()) run_all(false);
  }
}

void DatasetStudy::fill_rows() {
  const auto* const data = session_->collection();
  const auto layers = exit_layers();
  exits_ = static_cast<int>(layers.size());
  matches_.clear();
  match_count_ = 0;
  baseline_exact_ = !study_ || study_->baseline_exact;
  if (!data) return;
  const auto& entries = data->episodes();
  for (auto& row : rows_) {
    row = row_of(entries[row.episode], row.episode);
    if (!where_.isEmpty() && study_) row.matches = 0;
  }
  std::vector<std::ptrdiff_t> episode_of;  // by the study's episodes; -1: none here
  if (study_) {
    for (std::size_t i = 0; i < study_->episodes.size(); ++i) {
      const auto& one = study_->episodes[i];
      const auto place = trace_is_open_ ? static_cast<std::ptrdiff_t>(i) : std::ptrdiff_t{one.source_episode};
      const bool here = place >= 0 && place < static_cast<std::ptrdiff_t>(rows_.size());
      episode_of.push_back(here ? place : -1);
      if (here) fill(rows_[static_cast<std::size_t>(place)], one);
    }
    for (const auto& match : study_->matches) {
      const auto place = episode_of[match.episode];
      if (place < 0) continue;
      matches_.push_back({static_cast<std::size_t>(place), match.offset, match.depth});
      ++rows_[static_cast<std::size_t>(place)].matches;
    }
    match_count_ = study_->match_count;
  }
  fill_from_runs();
}

void DatasetStudy::fill_from_runs() {
  const auto runs = runs_->runs();
  for (auto run = runs.constBegin(); run != runs.constEnd(); ++run) {
    if (run.key() < rows_.size() && !rows_[run.key()].was_run) fill(rows_[run.key()], *run);
  }
}

QString DatasetStudy::obstacle() const {
  if (!session_->collection()) return tr("Open a dataset first.");
  if (trace_is_open_) return tr("A trace is open: its episodes were run when it was recorded.");
  if (!session_->model()) return tr("Open a model first.");
  if (holds_heads_only(session_->model()->path)) {
    return tr("The model runs on another computer: run all episodes there with deer trace, and open the trace here.");
  }
  if (!run_.available()) {
    return tr("The program deer is missing: %1 does not exist or cannot be executed.").arg(run_.program());
  }
  return {};
}

void DatasetStudy::run_all(bool replace) {
  if (run_.running() || !obstacle().isEmpty()) return;
  if (!replace && (!wanted_ || (busy_ && frames_in_trace_ == 0))) {
    // The trace may be there, and says which policy it is resumed with.
    run_once_read_ = true;
    return;
  }
  run_once_read_ = false;
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) {
    Q_EMIT problem(
        {.title = tr("The episodes cannot be run"),
         .details = tr("%1 cannot be created: %2").arg(to_qstring(folder_), QString::fromStdString(error.message())),
         .advice = {}});
    return;
  }
  DatasetRun::Request request{.model = session_->model()->path,
                              .source = session_->collection()->path(),
                              .out = run_file(),
                              .policy = session_->policy(),
                              .engine = session_->engine_options(),
                              .replace = replace};
  if (const auto* const mapped = mapped_dataset(session_->collection())) request.map = mapped->map_file();
  // A trace is resumed under the policy that it began with.
  if (study_ && !replace && study_->model.policy.is_object()) {
    try {
      request.policy = policy_from_json(trace_, study_->model.policy);
    } catch (const Error&) {
      request.policy = session_->policy();
    }
  }
  if (replace) {
    std::filesystem::remove(request.out, error);
    start_study();
  }
  run_.start(request);
}

void DatasetStudy::cancel() {
  run_once_read_ = false;
  run_.cancel();
  if (!busy_) return;
  request_.cancel();
  task_.forget();
  busy_ = false;
  progress_ = -1;
  Q_EMIT state_changed();
}

}  // namespace deer
