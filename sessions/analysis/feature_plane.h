// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <optional>

#include "core/study/feature_map.h"
#include "sessions/session/session.h"
#include "sessions/threads/newest_task.h"

namespace deer {

class RecordedRun;

/// The map of a session's pooled features, made on another thread when asked for. GUI thread only; no call waits.
class FeaturePlane : public QObject {
  Q_OBJECT

 public:
  /// `session` must outlive it.
  explicit FeaturePlane(Session* session, QObject* parent = nullptr);

  /// Maps the features of the exit after `layer`, or of the exit that each frame took; the newest request wins.
  void ask(std::optional<int> layer);
  bool busy() const { return busy_; }
  /// By frame; null before the first map, and after the episode or the model changed.
  const FeatureMap* map() const { return map_ ? &*map_ : nullptr; }

 Q_SIGNALS:
  void changed();  ///< map() or busy()

 private:
  void forget();

  Session* session_;
  std::optional<FeatureMap> map_;
  bool busy_ = false;
  quint64 number_ = 0;
  NewestTask task_;
};

}  // namespace deer
