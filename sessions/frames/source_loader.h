// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>

#include "core/episodes/frame_source.h"
#include "sessions/threads/task_queue.h"

namespace deer {

/// Observations by frame, the least recently used leaving first when their bytes exceed the room.
/// The newest always fits. Not thread-safe.
class FrameCache {
 public:
  explicit FrameCache(std::size_t room_bytes) : room_(room_bytes) {}

  ObservationPtr get(qint64 frame);  ///< null if absent; marks it as used
  bool contains(qint64 frame) const { return index_.contains(frame); }
  void put(qint64 frame, ObservationPtr observation);
  void clear();
  void set_room(std::size_t bytes);
  std::size_t bytes() const { return bytes_; }

  static std::size_t size_of(const Observation& observation);

 private:
  void evict();

  using Entry = std::pair<qint64, ObservationPtr>;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<qint64, std::list<Entry>::iterator> index_;
  std::size_t room_;
  std::size_t bytes_ = 0;
};

/// Reads observations on a thread of its own, and keeps a bounded cache of them. Its methods and signals belong to the
/// thread that made it (the GUI thread) and never wait, save the destructor.
class SourceLoader : public QObject {
  Q_OBJECT

 public:
  static constexpr std::size_t kDefaultCacheBytes = std::size_t{256} << 20;

  explicit SourceLoader(QObject* parent = nullptr);

  /// The source that observation() reads from; empties the cache.
  void set_source(FrameSourcePtr source);

  /// Null: requested, ready() follows. If the pictures cannot be read, the rest of the frame, with a problem().
  ObservationPtr observation(qint64 frame);
  ObservationPtr peek(qint64 frame) const;  ///< null if it is not in the cache; asks for nothing
  QString problem(qint64 frame) const;
  /// Reads ahead around `frame`, more in the direction of `direction` (+1 or -1).
  void look_ahead(qint64 frame, int direction);
  void set_cache_bytes(std::size_t bytes);

 Q_SIGNALS:
  void ready(qint64 frame);

 private:
  struct Read {
    ObservationPtr observation;  ///< null: not even the numbers could be read
    QString problem;
  };

  static Read read(FrameSource& source, qint64 frame);
  void read_next();
  void take(quint64 epoch, qint64 frame, Read read);

  FrameSourcePtr source_;
  quint64 epoch_ = 0;
  std::deque<qint64> wanted_;  // newest first
  std::deque<qint64> ahead_;   // in order of use
  std::set<qint64> reading_;   // those that the queue has

  mutable FrameCache cache_;
  std::map<qint64, Read> problems_;
  qint64 length_ = 0;
  TaskQueue queue_;
};

}  // namespace deer
