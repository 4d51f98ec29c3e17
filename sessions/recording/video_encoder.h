// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <stop_token>
#include <thread>

#include "core/episodes/media/video_writer.h"

namespace deer {

/// Packs pictures into a video file on a thread of its own. What waits for it is bounded: who adds looks at has_room()
/// first. One of finished(), cancelled() and failed() comes at the end. Used from the thread it lives on; no call but
/// the destructor waits.
class VideoEncoder : public QObject {
  Q_OBJECT

 public:
  static constexpr int kMostWaiting = 4;  ///< pictures; of 4K, 100 MB

  /// The file is made by the thread: a place that cannot be written comes as failed().
  VideoEncoder(std::filesystem::path file, VideoFormat format, QObject* parent = nullptr);
  /// Cancels, and waits for the picture that is being packed.
  ~VideoEncoder() override;

  bool has_room() const;
  /// Does nothing after finish(), cancel() or a failure. Whoever adds without room is not refused, but uses memory.
  void add(Image picture);
  void finish();  ///< no more will come: complete the file
  void cancel();  ///< remove what was written

 Q_SIGNALS:
  void packed(qint64 frames);  ///< so many are in the file; there is room again
  void finished();
  void cancelled();
  void failed(const QString& message);

 private:
  void run(const std::stop_token& stop);
  void write(const std::stop_token& stop);
  template <typename Signal, typename... Arguments>
  void tell(Signal signal, Arguments... arguments);

  const std::filesystem::path file_;
  const VideoFormat format_;

  mutable std::mutex mutex_;  // guards the block below
  std::condition_variable_any wake_;
  std::deque<Image> waiting_;
  bool finishing_ = false;
  bool over_ = false;

  std::jthread thread_;
};

}  // namespace deer
