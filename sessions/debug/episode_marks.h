// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <map>
#include <optional>
#include <vector>

#include "core/exits/exit_policy.h"
#include "sessions/debug/frame_set.h"

namespace deer {

class Session;

/// Names the open episode from one start to the next; empty for a live source, or if none is open.
QString episode_key(const Session& session);

/// Frames that a person marked, by episode. GUI thread only.
class Bookmarks : public QObject {
  Q_OBJECT

 public:
  explicit Bookmarks(Session* session, QObject* parent = nullptr);

  const FrameSet& frames() const { return frames_; }
  void toggle(qint64 frame);

  /// Every episode's.
  std::map<QString, std::vector<qint64>> all() const;
  void set_all(std::map<QString, std::vector<qint64>> marks);

 Q_SIGNALS:
  void changed();

 private:
  void keep();
  void begin_episode();

  Session* session_;
  QString key_;
  FrameSet frames_;
  std::map<QString, std::vector<qint64>> others_;
};

/// Exits set by hand for single frames of the open episode: a part of the policy in force, replayed exactly. Another
/// episode has its own. GUI thread only.
class ForcedExits : public QObject {
  Q_OBJECT

 public:
  explicit ForcedExits(Session* session, QObject* parent = nullptr);

  /// Exit layers by frame.
  const std::map<std::int64_t, int>& layers() const;
  /// Why the exit of this frame cannot be set; empty if it can.
  QString obstacle(qint64 frame) const;

  /// Does nothing if there is an obstacle or no such exit.
  void force(qint64 frame, int exit_index);
  void remove(qint64 frame);
  void remove_all();

 Q_SIGNALS:
  void changed();

 private:
  void begin_episode();
  void set(std::map<std::int64_t, int> layers, const QString& text);

  Session* session_;
  std::optional<QString> key_;  ///< none while no episode was open
  std::map<std::int64_t, int> known_;
  std::map<QString, std::map<std::int64_t, int>> others_;
};

}  // namespace deer
