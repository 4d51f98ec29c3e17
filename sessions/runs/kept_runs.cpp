// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/runs/kept_runs.h"

#include <QDateTime>
#include <QFileInfo>
#include <QUuid>
#include <algorithm>
#include <array>
#include <utility>

#include "core/base/error.h"
#include "core/exits/policy_json.h"
#include "core/trace/describe_model.h"
#include "sessions/base/paths.h"
#include "sessions/frames/episode_frames.h"
#include "sessions/runs/run_files.h"
#include "sessions/session/live_session.h"
#include "sessions/session/source_key.h"
#include "sessions/traces/recorded_run.h"

namespace deer {
namespace {

constexpr int kColors = 6;  // Theme::run_color() has as many

/// A run as it came from the worker's thread.
struct SettledRun {
  KeptRecords records;
  RunFigures figures;
  QString failure;  ///< why it is in no file
};

qint64 count_of(const std::vector<FrameRecordPtr>& records) {
  return std::ranges::count_if(records, [](const auto& record) { return record != nullptr; });
}

KeptRecords bare(const std::vector<FrameRecordPtr>& records) {
  std::vector<FrameRecordPtr> out;
  out.reserve(records.size());
  for (const auto& record : records) {
    out.push_back(record && has_features(*record) ? without_features(*record) : record);
  }
  return std::make_shared<const std::vector<FrameRecordPtr>>(std::move(out));
}

/// The colour that the fewest of `runs` have.
int free_color(const std::vector<const KeptRun*>& runs) {
  std::array<int, kColors> used{};
  for (const auto* const run : runs) ++used[static_cast<std::size_t>(run->color % kColors)];
  return static_cast<int>(std::ranges::min_element(used) - used.begin());
}

QString free_name(const std::vector<const KeptRun*>& runs) {
  for (std::size_t number = runs.size() + 1;; ++number) {
    auto name = KeptRuns::tr("Run %1").arg(number);
    if (std::ranges::none_of(runs, [&](const KeptRun* run) { return run->name == name; })) return name;
  }
}

}  // namespace

KeptRuns* KeptRuns::of(Session* session) {
  auto* const there = session->findChild<KeptRuns*>(QString(), Qt::FindDirectChildrenOnly);
  return there ? there : new KeptRuns(session);
}

KeptRuns::KeptRuns(Session* session) : QObject(session), session_(session) {
  connect(session, &Session::episode_changed, this, &KeptRuns::on_episode_changed);
  connect(session->live(), &LiveSession::records_leaving, this, [this] {
    keep_live_run();
    live_kept_ = 0;
  });
}

KeptRuns::~KeptRuns() { stop_reading_.request_stop(); }

void KeptRuns::keep_in(const std::filesystem::path& folder) {
  folder_ = folder;
  files_.post(
      [folder] {
        std::pair<std::vector<KeptRun>, QStringList> found;
        found.first = RunFiles(folder).read(&found.second);
        return found;
      },
      [this](const std::pair<std::vector<KeptRun>, QStringList>& found) {
        std::vector<Entry> all;
        for (const auto& run : found.first) {
          if (!find(run.id)) all.push_back({.run = run, .records = {}, .saved = true});
        }
        std::ranges::move(entries_, std::back_inserter(all));
        entries_ = std::move(all);
        Q_EMIT changed();
        read_shown();
        for (const auto& failure : found.second) {
          Q_EMIT problem({tr("A kept run could not be read"), failure, tr("The other runs are there.")});
        }
      },
      [](const QString&) {});
}

std::vector<const KeptRun*> KeptRuns::listed() const {
  std::vector<const KeptRun*> out, live;
  const auto key = this->key();
  for (const auto& entry : entries_) {
    if (entry.run.kind == KeptRun::Kind::live) {
      live.push_back(&entry.run);
    } else if (!key.isEmpty() && entry.run.episode == key) {
      out.push_back(&entry.run);
    }
  }
  out.insert(out.end(), live.begin(), live.end());
  return out;
}

KeptRuns::Entry* KeptRuns::find(const QString& id) {
  const auto found = std::ranges::find_if(entries_, [&](const Entry& entry) { return entry.run.id == id; });
  return found == entries_.end() ? nullptr : &*found;
}

const KeptRun* KeptRuns::run(const QString& id) const {
  const auto* const entry = const_cast<KeptRuns*>(this)->find(id);
  return entry ? &entry->run : nullptr;
}

bool KeptRuns::fits(const KeptRun& run) const {
  if (run.kind == KeptRun::Kind::live) return session_->live()->is_open();
  return session_->frame_count() == run.frames && run.episode == key() && !run.episode.isEmpty();
}

KeptRecords KeptRuns::records(const QString& id) const {
  const auto* const entry = const_cast<KeptRuns*>(this)->find(id);
  return entry ? entry->records : nullptr;
}

std::vector<QString> KeptRuns::shown() const {
  std::vector<QString> out;
  for (const auto& entry : entries_) {
    if (entry.run.shown && entry.records && fits(entry.run)) out.push_back(entry.run.id);
  }
  return out;
}

QString KeptRuns::baseline() const {
  const auto all = shown();
  if (std::ranges::find(all, baseline_) != all.end()) return baseline_;
  return all.empty() ? QString() : all.front();
}

QString KeptRuns::key() const {
  return source_key(session_->collection(), session_->source_options(), session_->episode_index());
}

KeptRun KeptRuns::describe_open(KeptRun::Kind kind) const {
  KeptRun out;
  out.id = QUuid::createUuid().toString(QUuid::WithoutBraces);
  out.kind = kind;
  out.color = free_color(listed());
  out.episode = key();
  out.frames = session_->frame_count();
  out.kept_ms = QDateTime::currentMSecsSinceEpoch();
  // Their order outlasts the program, also of two in one millisecond.
  if (!entries_.empty()) out.kept_ms = std::max(out.kept_ms, entries_.back().run.kept_ms + 1);
  if (const auto* const model = session_->model()) out.model = *model;
  out.policy = session_->policy();
  return out;
}

QString KeptRuns::keep(const QString& name) {
  if (session_->evaluated_count() == 0) return {};
  const bool live = session_->live()->is_open();
  auto run = describe_open(live ? KeptRun::Kind::live : KeptRun::Kind::run);
  run.name = !name.isEmpty() ? name
             : live          ? tr("Live %1").arg(QDateTime::currentDateTime().toString(QStringLiteral("HH:mm")))
                             : free_name(listed());
  if (live) {
    live_kept_ = session_->evaluated_count();
    if (session_->live()->several_policies()) run.policy_text = tr("several policies");
  }
  std::vector<FrameRecordPtr> records;
  records.reserve(static_cast<std::size_t>(run.frames));
  for (qint64 frame = 0; frame < run.frames; ++frame) records.push_back(session_->record(frame));
  return add(std::move(run), std::move(records));
}

void KeptRuns::keep_live_run() {
  if (!session_->live()->is_open() || session_->evaluated_count() == live_kept_) return;
  auto* const entry = find(keep());
  if (!entry) return;
  entry->run.automatic = true;
  entry->run.shown = false;
  drop_old_live_runs();
}

void KeptRuns::drop_old_live_runs() {
  std::vector<QString> automatic;
  for (const auto& entry : entries_) {
    if (entry.run.automatic) automatic.push_back(entry.run.id);
  }
  for (std::size_t i = 0; i + kMostAutomatic < automatic.size(); ++i) remove(automatic[i]);
}

QString KeptRuns::keep_what_if(std::vector<FrameRecordPtr> records, const ExitPolicy& policy) {
  auto run = describe_open(KeptRun::Kind::what_if);
  run.policy = policy;
  const auto same = std::ranges::find_if(entries_, [&](const Entry& entry) {
    return entry.run.kind == run.kind && entry.run.episode == run.episode && entry.run.policy == policy &&
           entry.run.model.name == run.model.name;
  });
  const auto text = describe_policy(policy, run.model.exit_layers);
  run.name = text.left(1).toUpper() + text.mid(1);
  if (same != entries_.end()) {
    run.name = same->run.name;
    run.color = same->run.color;
    remove(QString(same->run.id));
  }
  records.resize(static_cast<std::size_t>(run.frames));
  return add(std::move(run), std::move(records));
}

QString KeptRuns::add(KeptRun run, std::vector<FrameRecordPtr> records) {
  const auto id = run.id;
  run.figures.evaluated = count_of(records);
  const auto shared = std::make_shared<const std::vector<FrameRecordPtr>>(std::move(records));
  entries_.push_back({.run = run, .records = shared});
  files_.post(
      [run, shared, folder = folder_]() mutable {
        SettledRun out;
        out.records = bare(*shared);
        out.figures = run.figures = figures_of(*out.records, run.model);
        if (!folder) return out;
        try {
          run.kind == KeptRun::Kind::trace ? RunFiles(*folder).write(run) : RunFiles(*folder).write(run, *out.records);
        } catch (const std::exception& error) {
          out.failure = QString::fromUtf8(error.what());
        }
        return out;
      },
      [this, id, name = run.name, keeps = folder_.has_value()](const SettledRun& done) {
        settle(id, done.records, done.figures, keeps && done.failure.isEmpty());
        if (done.failure.isEmpty()) return;
        Q_EMIT problem(
            {tr("The run “%1” could not be saved").arg(name), done.failure, tr("It stays until the program ends.")});
      },
      [this, name = run.name](const QString& failure) {
        Q_EMIT problem({tr("The run “%1” could not be saved").arg(name), failure, {}});
      });
  Q_EMIT changed();
  Q_EMIT shown_changed();
  return id;
}

void KeptRuns::settle(const QString& id, const KeptRecords& records, const RunFigures& figures, bool saved) {
  auto* const entry = find(id);
  if (!entry) return;
  entry->run.figures = figures;
  entry->saved = saved;
  if (entry->records) entry->records = records;
  if (saved) {
    // What is in a file need not be in memory. It may have been renamed or hidden since it was sent.
    if (!entry->run.shown) entry->records.reset();
    save_facts(*entry);
  }
  Q_EMIT changed();
  Q_EMIT shown_changed();
}

void KeptRuns::save_facts(const Entry& entry) {
  if (!folder_ || !entry.saved) return;
  files_.post([run = entry.run, folder = *folder_] { RunFiles(folder).write(run); }, [] {},
              [this, name = entry.run.name](const QString& failure) {
                Q_EMIT problem({tr("A change of the run “%1” could not be saved").arg(name), failure, {}});
              });
}

void KeptRuns::set_name(const QString& id, const QString& name) {
  auto* const entry = find(id);
  const auto text = name.simplified();
  if (!entry || text.isEmpty() || text == entry->run.name) return;
  entry->run.name = text;
  entry->run.automatic = false;
  save_facts(*entry);
  Q_EMIT changed();
  Q_EMIT shown_changed();
}

void KeptRuns::set_color(const QString& id, int color) {
  auto* const entry = find(id);
  if (!entry || color == entry->run.color || color < 0) return;
  entry->run.color = color;
  save_facts(*entry);
  Q_EMIT changed();
  Q_EMIT shown_changed();
}

void KeptRuns::set_shown(const QString& id, bool shown) {
  auto* const entry = find(id);
  if (!entry || shown == entry->run.shown) return;
  entry->run.shown = shown;
  // What is in a file need not be in memory.
  if (!shown && entry->saved) entry->records.reset();
  save_facts(*entry);
  Q_EMIT changed();
  Q_EMIT shown_changed();
  read_shown();
}

void KeptRuns::hide_all() {
  for (const auto& id : shown()) set_shown(id, false);
}

void KeptRuns::set_baseline(const QString& id) {
  baseline_ = id;
  set_shown(id, true);
  Q_EMIT changed();
  Q_EMIT shown_changed();
}

void KeptRuns::remove(const QString& id) {
  const auto found = std::ranges::find_if(entries_, [&](const Entry& entry) { return entry.run.id == id; });
  if (found == entries_.end()) return;
  entries_.erase(found);
  if (folder_) files_.post([id, folder = *folder_] { RunFiles(folder).remove(id); }, [] {}, [](const QString&) {});
  Q_EMIT changed();
  Q_EMIT shown_changed();
}

void KeptRuns::on_episode_changed() {
  stop_reading_.request_stop();
  stop_reading_ = {};
  if (std::exchange(reading_trace_, false)) Q_EMIT reading_changed();
  for (auto& entry : entries_) {
    // Of another episode: its file brings it back.
    if (entry.saved && !fits(entry.run)) entry.records.reset();
  }
  Q_EMIT changed();
  Q_EMIT shown_changed();
  read_shown();
}

void KeptRuns::read_shown() {
  for (auto& entry : entries_) {
    if (entry.run.shown && !entry.records && !entry.reading && entry.saved && fits(entry.run)) read(&entry);
  }
}

std::optional<TracedEpisode> KeptRuns::traced_episode() const {
  const auto frames = session_->frames()->source();
  if (!frames) return std::nullopt;
  TracedEpisode episode{frames, {}, -1, 0};
  if (const auto run = std::dynamic_pointer_cast<const RecordedRun>(frames)) {
    episode.source = run->source();
    episode.index = run->source_episode();
    episode.first_frame = run->first_frame();
  } else {
    episode.source = session_->collection()->path().string();
    episode.index = static_cast<std::int32_t>(session_->episode_index().value_or(0));
  }
  return episode;
}

void KeptRuns::read(Entry* entry) {
  entry->reading = true;
  const auto id = entry->run.id;
  const auto done = [this, id](const KeptRecords& records) { take_read(id, records); };
  const auto failed = [this, id](const QString& details) { fail_read(id, details); };
  if (entry->run.kind != KeptRun::Kind::trace) {
    return files_.post([run = entry->run, folder = *folder_] { return RunFiles(folder).read_records(run); }, done,
                       failed);
  }
  const auto episode = traced_episode();
  if (!episode) return fail_read(id, tr("No recorded episode is open."));
  files_.post(
      [file = to_path(entry->run.trace), episode = *episode, stop = stop_reading_.get_token()] {
        return std::make_shared<const std::vector<FrameRecordPtr>>(read_trace_side(file, episode, stop).records);
      },
      done, failed);
}

void KeptRuns::take_read(const QString& id, const KeptRecords& records) {
  auto* const entry = find(id);
  if (!entry) return;
  entry->reading = false;
  if (!entry->run.shown || !fits(entry->run)) return;
  entry->records = records;
  Q_EMIT shown_changed();
}

void KeptRuns::fail_read(const QString& id, const QString& details) {
  auto* const entry = find(id);
  if (!entry) return;
  entry->reading = false;
  if (!fits(entry->run)) return;  // stopped for another episode
  entry->run.shown = false;
  Q_EMIT changed();
  Q_EMIT problem({tr("The run “%1” could not be read").arg(entry->run.name), details,
                  tr("Remove it from the list of runs, or put its file back.")});
}

void KeptRuns::keep_trace(const std::filesystem::path& file) {
  const auto name = to_qstring(file.filename());
  const auto episode = traced_episode();
  if (!episode) {
    Q_EMIT problem({tr("No run to compare the trace with"),
                    tr("%1 can only be compared with a run of the same episode.").arg(name),
                    tr("Open that episode first.")});
    return;
  }
  stop_reading_.request_stop();
  stop_reading_ = {};
  reading_trace_ = true;
  files_.post(
      [file, episode = *episode, stop = stop_reading_.get_token()] {
        return std::pair(std::make_shared<TraceSide>(read_trace_side(file, episode, stop)), stop);
      },
      [this, file, name](const std::pair<std::shared_ptr<TraceSide>, std::stop_token>& read) {
        if (read.second.stop_requested()) return;
        reading_trace_ = false;
        const auto& metadata = read.first->metadata;
        auto run = describe_open(KeptRun::Kind::trace);
        run.name = name;
        run.trace = to_qstring(std::filesystem::absolute(file));
        // A trace does not hold its model's sizes. They are the open model's, if that is built alike.
        auto config = run.model.family == metadata.family && run.model.d_model == metadata.d_model &&
                              run.model.layers == metadata.layers
                          ? run.model.config
                          : nullptr;
        run.model = recorded_model(metadata);
        run.model.config = std::move(config);
        try {
          run.policy = policy_from_json(file, metadata.policy);
        } catch (const Error&) {
          run.policy_text = tr("a policy that cannot be read");
        }
        const auto same = std::ranges::find_if(entries_, [&](const Entry& entry) {
          return entry.run.trace == run.trace && entry.run.episode == run.episode;
        });
        if (same != entries_.end()) {
          run.color = same->run.color;
          run.name = same->run.name;
          remove(QString(same->run.id));
        }
        const auto id = add(std::move(run), std::move(read.first->records));
        set_baseline(id);
        Q_EMIT reading_changed();
        Q_EMIT trace_kept(id);
      },
      [this, stop = stop_reading_.get_token()](const QString& failure) {
        if (stop.stop_requested()) return;
        reading_trace_ = false;
        Q_EMIT reading_changed();
        Q_EMIT problem({tr("The trace cannot be compared"), failure,
                        tr("Choose a trace of the open episode, or open the trace's episode.")});
      });
  Q_EMIT reading_changed();
}

}  // namespace deer
