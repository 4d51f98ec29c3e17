// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QHash>
#include <QObject>
#include <QTimer>
#include <filesystem>
#include <optional>
#include <vector>

#include "sessions/session/session.h"
#include "sessions/threads/task_queue.h"

namespace deer {

class RunSummary;
class RunTally;

/// What a finished run came to over an episode.
struct EpisodeRun {
  qint64 frames = 0;
  double mean_depth = 0;  ///< layers
  int largest_depth = 0;  ///< layers
  std::vector<qint64> by_exit = {};
  qint64 at_other_exits = 0;
  double mean_error = 0;        ///< as RunTally::mean_error()
  double mean_distance = 0;     ///< as RunTally::mean_distance()
  double cost = 0;              ///< of the language model in all frames, in billions of operations; NaN if unknown
  double full_cost = 0;         ///< the same if every frame had run to the deepest exit
  qint64 gripper_differs = -1;  ///< as RunTally::gripper_differs()
};

/// Which episodes of the open source the open model has run over, and how deep it went. Remembers other models and
/// sources until the program ends, and with keep_in() longer. GUI thread only; no call waits.
class EpisodeRuns : public QObject {
  Q_OBJECT

 public:
  /// Those of a session, made when first asked for; the session owns them.
  static EpisodeRuns* of(Session* session);

  /// Keeps what it knows in files in this folder, and reads what is there of the open model and source. A changed model
  /// or source is another one.
  void keep_in(const std::filesystem::path& folder);

  /// Mean depth in layers under the policy that the episode was last shown with; none without a finished run.
  std::optional<double> mean_depth(std::size_t episode) const;
  /// Everything that is kept of the finished runs, by episode.
  QHash<std::size_t, EpisodeRun> runs() const { return runs_.value(key()); }

 Q_SIGNALS:
  void changed(std::size_t episode);
  void replaced();  ///< another model or source: everything may differ

 private:
  explicit EpisodeRuns(Session* session);
  ~EpisodeRuns() override;

  struct Names {
    std::filesystem::path model;
    QString dtype;
    std::filesystem::path source;
  };
  void note();
  void read();
  void write();
  void take(const QString& key, const QHash<std::size_t, EpisodeRun>& read);
  Names names() const;
  QString key() const;

  Session* session_;
  RunTally* tally_;
  RunSummary* summary_;
  QHash<QString, QHash<std::size_t, EpisodeRun>> runs_;  ///< by model and source, then by episode
  std::filesystem::path folder_;                         ///< empty: none
  QString changed_key_;                                  ///< whose runs are not written yet
  Names changed_names_;
  QTimer write_soon_;
  TaskQueue files_;
};

}  // namespace deer
