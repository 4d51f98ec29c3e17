// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/episode_runs.h"

#include <QCryptographicHash>
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/json_file.h"
#include "sessions/analysis/run_summary.h"
#include "sessions/analysis/run_tally.h"
#include "sessions/base/file_stamp.h"
#include "sessions/base/paths.h"
#include "sessions/session/live_session.h"
#include "sessions/session/trace_session.h"

namespace deer {

namespace {

constexpr int kWriteAfterMs = 500;  // a drag of thresholds changes them often

using Runs = QHash<std::size_t, EpisodeRun>;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
double number(const JsonFields& in, const char* key) {
  return in.json().contains(key) && in.json()[key].is_number() ? in.number(key) : std::nan("");
}

Json to_json(const Runs& runs) {
  Json out = Json::array();
  for (auto run = runs.begin(); run != runs.end(); ++run) {
    out.push_back({{"episode", run.key()},
                   {"frames", run->frames},
                   {"mean_depth", number(run->mean_depth)},
                   {"largest_depth", run->largest_depth},
                   {"by_exit", run->by_exit},
                   {"at_other_exits", run->at_other_exits},
                   {"mean_error", number(run->mean_error)},
                   {"mean_distance", number(run->mean_distance)},
                   {"cost_gflops", number(run->cost)},
                   {"full_cost_gflops", number(run->full_cost)},
                   {"gripper_differs", run->gripper_differs}});
  }
  return out;
}

// Throws FileError.
Runs runs_from(const std::filesystem::path& file, const Json& json) {
  Runs out;
  for (const auto& one : json) {
    const JsonFields in(file, one);
    EpisodeRun run;
    run.frames = in.integer("frames");
    run.mean_depth = number(in, "mean_depth");
    run.largest_depth = static_cast<int>(in.integer("largest_depth"));
    if (const auto exits = one.find("by_exit"); exits != one.end() && exits->is_array()) {
      for (const auto& count : *exits) run.by_exit.push_back(count.is_number_integer() ? count.get<qint64>() : 0);
    }
    run.at_other_exits = in.integer("at_other_exits");
    run.mean_error = number(in, "mean_error");
    run.mean_distance = number(in, "mean_distance");
    run.cost = number(in, "cost_gflops");
    run.full_cost = number(in, "full_cost_gflops");
    run.gripper_differs = in.integer("gripper_differs", -1);
    out[static_cast<std::size_t>(in.integer("episode"))] = std::move(run);
  }
  return out;
}

// Reads the disk.
std::filesystem::path file_of(const std::filesystem::path& folder, const QString& key,
                              const std::filesystem::path& model, const std::filesystem::path& source) {
  const auto text = QStringList{key, model_stamp(model), source_stamp(source)}.join(u'\n').toUtf8();
  return folder / (QCryptographicHash::hash(text, QCryptographicHash::Sha1).toHex().toStdString() + ".json");
}

}  // namespace

EpisodeRuns* EpisodeRuns::of(Session* session) {
  auto* const there = session->findChild<EpisodeRuns*>(QString(), Qt::FindDirectChildrenOnly);
  return there ? there : new EpisodeRuns(session);
}

EpisodeRuns::EpisodeRuns(Session* session)
    : QObject(session), session_(session), tally_(RunTally::of(session)), summary_(new RunSummary(session, this)) {
  connect(tally_, &RunTally::changed, this, &EpisodeRuns::note);
  connect(summary_, &RunSummary::changed, this, &EpisodeRuns::note);
  connect(session, &Session::activity_changed, this, &EpisodeRuns::note);
  for (const auto change : {&Session::model_changed, &Session::collection_changed}) {
    connect(session, change, this, &EpisodeRuns::read);
    connect(session, change, this, &EpisodeRuns::replaced);
  }
  write_soon_.setSingleShot(true);
  write_soon_.setInterval(kWriteAfterMs);
  connect(&write_soon_, &QTimer::timeout, this, &EpisodeRuns::write);
}

EpisodeRuns::~EpisodeRuns() {
  if (write_soon_.isActive()) write();
}

void EpisodeRuns::keep_in(const std::filesystem::path& folder) {
  folder_ = folder;
  read();
}

EpisodeRuns::Names EpisodeRuns::names() const {
  const auto* const model = session_->model();
  const auto* const collection = session_->collection();
  if (!model || !collection) return {};
  return {model->path, QString::fromStdString(model->dtype), collection->path()};
}

void EpisodeRuns::read() {
  if (write_soon_.isActive()) write();
  const auto key = this->key();
  if (folder_.empty() || key.isEmpty() || runs_.contains(key)) return;
  files_.post(
      [folder = folder_, key, names = names()] {
        const auto file = file_of(folder, key, names.model, names.source);
        return std::filesystem::exists(file) ? runs_from(file, read_json(file)) : Runs();
      },
      [this, key](const Runs& runs) { take(key, runs); },
      [](const QString& problem) { qWarning("earlier runs: %s", qUtf8Printable(problem)); });
}

void EpisodeRuns::take(const QString& key, const Runs& read) {
  auto& known = runs_[key];
  for (auto run = read.begin(); run != read.end(); ++run) {
    if (!known.contains(run.key())) known.insert(run.key(), *run);
  }
  if (key == this->key() && !read.isEmpty()) Q_EMIT replaced();
}

void EpisodeRuns::write() {
  write_soon_.stop();
  if (folder_.empty() || changed_key_.isEmpty()) return;
  const auto key = std::exchange(changed_key_, {});
  files_.post(
      [folder = folder_, key, names = changed_names_, runs = runs_.value(key)] {
        std::filesystem::create_directories(folder);
        write_file_atomically(file_of(folder, key, names.model, names.source), to_json(runs).dump(1) + "\n");
      },
      [] {}, [](const QString& problem) { qWarning("earlier runs were not saved: %s", qUtf8Printable(problem)); });
}

QString EpisodeRuns::key() const {
  const auto [model, dtype, source] = names();
  return source.empty() ? QString() : QStringList{to_qstring(model), dtype, to_qstring(source)}.join(u'\n');
}

std::optional<double> EpisodeRuns::mean_depth(std::size_t episode) const {
  const auto runs = runs_.constFind(key());
  if (runs == runs_.constEnd()) return std::nullopt;
  const auto found = runs->constFind(episode);
  return found == runs->constEnd() ? std::nullopt : std::optional(found->mean_depth);
}

void EpisodeRuns::note() {
  const auto episode = session_->episode_index();
  if (!episode || session_->live()->is_open() || !session_->records_current()) return;
  if (tally_->frames() == 0 || tally_->evaluated() < session_->frame_count() || !tally_->settled()) return;
  if (!summary_->settled()) return;
  EpisodeRun now{.frames = tally_->frames(),
                 .mean_depth = tally_->mean_depth(),
                 .by_exit = tally_->by_exit(),
                 .at_other_exits = tally_->at_other_exits(),
                 .mean_error = tally_->mean_error(),
                 .mean_distance = tally_->mean_distance(),
                 .cost = std::nan(""),
                 .full_cost = std::nan(""),
                 .gripper_differs = tally_->gripper_differs()};
  if (const auto saving = summary_->saving(tally_->frames() - 1); saving && !saving->in_layers) {
    now.cost = saving->work;
    now.full_cost = saving->full_work;
  }
  auto& kept = runs_[key()][*episode];
  // Unknown figures differ from themselves.
  if (kept.frames == now.frames && kept.by_exit == now.by_exit && kept.at_other_exits == now.at_other_exits &&
      kept.mean_depth == now.mean_depth && kept.cost == now.cost && kept.gripper_differs == now.gripper_differs) {
    return;
  }
  for (qint64 frame = 0; frame < tally_->frames(); ++frame) {
    now.largest_depth = std::max(now.largest_depth, tally_->at(frame).depth);
  }
  kept = std::move(now);
  changed_key_ = key();
  changed_names_ = names();
  write_soon_.start();
  Q_EMIT changed(*episode);
}

}  // namespace deer
