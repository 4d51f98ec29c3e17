// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <unordered_map>

#include "core/episodes/episode_collection.h"
#include "sessions/base/factories.h"
#include "sessions/base/problem.h"
#include "sessions/live/live_source.h"

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

/// Opens sources and reads observations on threads of its own, and keeps a bounded cache of them.
/// Its methods and signals belong to the thread that made it (the GUI thread) and never wait, save
/// the destructor. The newest request wins: older ones that have not begun are dropped.
class SourceLoader : public QObject {
  Q_OBJECT

 public:
  static constexpr std::size_t kDefaultCacheBytes = std::size_t{256} << 20;

  explicit SourceLoader(SourceOpener opener, QObject* parent = nullptr);
  ~SourceLoader() override;

  /// Answers opened() or open_failed() with this request's number, unless a newer one came before.
  void open(quint64 request, const std::filesystem::path& path, const OpenSourceOptions& options,
            std::size_t first_episode);
  void open_episode(quint64 request, std::shared_ptr<const EpisodeCollection> collection, std::size_t index);

  /// Answers live_opened() or open_failed().
  void open_live(quint64 request, LiveOpener opener);
  /// What live_opened() speaks of; empty if it was taken or another request came. It is not left to the
  /// queue of events, so that it cannot end with it on this thread.
  LiveSource take_live(quint64 request);

  /// The source that observation() reads from; empties the cache.
  void set_source(FrameSourcePtr source);

  ObservationPtr observation(qint64 frame);  ///< null: requested, ready() follows
  ObservationPtr peek(qint64 frame);         ///< null if it is not in the cache; asks for nothing
  QString problem(qint64 frame) const;
  /// Reads ahead around `frame`, more in the direction of `direction` (+1 or -1).
  void look_ahead(qint64 frame, int direction);
  void set_cache_bytes(std::size_t bytes);

 Q_SIGNALS:
  /// `episode` is null, and `problem` says why, if the collection opened but its episode did not.
  void opened(quint64 request, std::shared_ptr<const deer::EpisodeCollection> collection, std::size_t index,
              deer::FrameSourcePtr episode, const deer::Problem& problem);
  void live_opened(quint64 request);
  void open_failed(quint64 request, const deer::Problem& problem);
  void ready(qint64 frame);

 private:
  struct OpenRequest {
    quint64 number = 0;
    std::filesystem::path path;
    OpenSourceOptions options;
    std::shared_ptr<const EpisodeCollection> collection;  // already open: only the episode is wanted
    std::size_t index = 0;
    LiveOpener live;  // instead of all that
  };

  void open_loop(std::stop_token stop);
  void read_loop(std::stop_token stop);
  void serve(const OpenRequest& request);
  void serve_live(const OpenRequest& request);
  void fail(const OpenRequest& request, const Problem& problem);
  void take(quint64 epoch, qint64 frame, const ObservationPtr& observation, const QString& problem);

  SourceOpener opener_;

  std::mutex mutex_;  // guards the block below
  std::condition_variable_any wake_opener_;
  std::condition_variable_any wake_reader_;
  std::optional<OpenRequest> open_request_;
  quint64 opened_live_number_ = 0;
  LiveSource opened_live_;
  FrameSourcePtr source_;
  quint64 epoch_ = 0;
  std::deque<qint64> wanted_;  // newest first
  std::deque<qint64> ahead_;   // in order of use

  FrameCache cache_;
  std::map<qint64, QString> problems_;
  qint64 length_ = 0;

  std::jthread open_thread_;
  std::jthread read_thread_;
};

}  // namespace deer
