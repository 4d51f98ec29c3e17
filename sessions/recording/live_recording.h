// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <filesystem>
#include <memory>
#include <vector>

#include "sessions/recording/episode_recorder.h"
#include "sessions/session/session.h"

namespace deer {

/// Records what a session sees live. On the GUI thread; no call waits for the disk, only the destructor does,
/// so that nothing that was taken is lost.
class LiveRecording : public QObject {
  Q_OBJECT

 public:
  explicit LiveRecording(Session* session, QObject* parent = nullptr);
  ~LiveRecording() override;

  /// Begins a data set in a new folder, named after the time, inside `parent`. Nothing happens if nothing is
  /// live or a recording goes on.
  void start(const std::filesystem::path& parent, RecordingFormat format = RecordingFormat::calvin);
  /// Takes no more frames; those that wait are written in the background. Happens by itself when the live run
  /// ends or something else is opened.
  void stop();
  bool recording() const { return taking_; }
  RecordingFormat format() const { return format_; }  ///< of the newest recording
  /// Of the newest recording; an empty folder if there was none.
  const RecordingStatus& status() const { return status_; }
  void set_queue_bytes(std::size_t bytes) { queue_bytes_ = bytes; }

 Q_SIGNALS:
  void changed();
  void finished(const std::filesystem::path& folder);
  void problem(const deer::Problem& problem);

 private:
  void told(quint64 number, const RecordingStatus& status);

  Session* session_;
  bool taking_ = false;
  RecordingFormat format_ = RecordingFormat::calvin;
  quint64 number_ = 0;  // of the newest recording
  std::size_t queue_bytes_ = EpisodeRecorder::Options().queue_bytes;
  RecordingStatus status_;
  std::vector<std::pair<quint64, std::shared_ptr<EpisodeRecorder>>>
      recorders_;  // the newest, and those that still write
};

}  // namespace deer
