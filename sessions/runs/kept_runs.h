// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <vector>

#include "sessions/runs/kept_run.h"
#include "sessions/session/session.h"
#include "sessions/threads/task_queue.h"
#include "sessions/traces/trace_side.h"

namespace deer {

/// The runs that the user keeps: of the open episode, from traces of it, and of live sources. Each is a value and stays
/// as it was; none of it changes the session's policy. A live run is kept by itself when another source or model takes
/// its place. With keep_in() all of it outlasts the program. GUI thread only; no call waits.
class KeptRuns : public QObject {
  Q_OBJECT

 public:
  static constexpr std::size_t kMostAutomatic = 12;  ///< live runs kept by themselves; the oldest go

  /// Those of a session, made when first asked for; the session owns them.
  static KeptRuns* of(Session* session);

  /// Keeps them in files in this folder, and takes up those that are there.
  void keep_in(const std::filesystem::path& folder);

  /// Those of the open episode, then those of live sources; oldest first.
  std::vector<const KeptRun*> listed() const;
  const KeptRun* run(const QString& id) const;  ///< null: there is none
  /// Whether it can be shown over what is open: of the same episode, or live over live.
  bool fits(const KeptRun& run) const;
  /// Null while it is being read, or if it neither fits nor was ever shown.
  KeptRecords records(const QString& id) const;

  /// The session's run; without a name one is made up. Gives its id, empty if nothing was evaluated.
  QString keep(const QString& name = {});
  /// The open run as it would be under another policy, by frame. One that is kept under this policy is replaced.
  QString keep_what_if(std::vector<FrameRecordPtr> records, const ExitPolicy& policy);
  /// Reads what a trace holds of the open episode. Ends with `trace_kept` or `problem`.
  void keep_trace(const std::filesystem::path& file);
  bool reading_trace() const { return reading_trace_; }
  /// Keeps a live run that would be lost, unless that was done.
  void keep_live_run();

  void set_name(const QString& id, const QString& name);  ///< an empty one is ignored
  void set_color(const QString& id, int color);
  void set_shown(const QString& id, bool shown);
  void hide_all();
  void remove(const QString& id);  ///< its files too

  /// Those that are shown and whose records are there, oldest first.
  std::vector<QString> shown() const;
  /// The one of shown() that frames are compared with: the one chosen, or else the first; empty if none is shown.
  QString baseline() const;
  void set_baseline(const QString& id);  ///< shows it, too

 Q_SIGNALS:
  void changed();        ///< listed(), and what it says of each
  void shown_changed();  ///< shown() or baseline()
  void reading_changed();
  void trace_kept(const QString& id);
  void problem(const deer::Problem& problem);

 private:
  struct Entry {
    KeptRun run;
    KeptRecords records;
    bool reading = false;
    bool saved = false;  ///< the records are in a file
  };

  explicit KeptRuns(Session* session);
  ~KeptRuns() override;

  Entry* find(const QString& id);
  KeptRun describe_open(KeptRun::Kind kind) const;
  QString key() const;  ///< of the open episode; empty: none, or a live source
  QString add(KeptRun run, std::vector<FrameRecordPtr> records);
  void settle(const QString& id, const KeptRecords& records, const RunFigures& figures, bool saved);
  void drop_old_live_runs();
  void save_facts(const Entry& entry);
  void read_shown();
  void read(Entry* entry);
  void take_read(const QString& id, const KeptRecords& records);
  void fail_read(const QString& id, const QString& details);
  std::optional<TracedEpisode> traced_episode() const;
  void on_episode_changed();

  Session* session_;
  std::vector<Entry> entries_;  ///< oldest first
  QString baseline_;
  std::optional<std::filesystem::path> folder_;
  bool reading_trace_ = false;
  qint64 live_kept_ = 0;           ///< evaluated frames of the live run when it was kept last
  std::stop_source stop_reading_;  ///< traces of the episode that is open
  TaskQueue files_;
};

}  // namespace deer
