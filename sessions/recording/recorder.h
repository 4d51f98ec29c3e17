// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <filesystem>
#include <memory>
#include <vector>

#include "sessions/recording/trace_recording.h"
#include "sessions/session/session.h"

namespace deer {

/// Keeps runs of a session as traces: while they happen, or once they are there. GUI thread only; files are written
/// on threads of their own, and no call waits but the destructor, for what was taken to be written.
///
/// Recording takes every frame that the model runs on, of whatever is opened after each other, each as it was decided
/// then, until it is stopped, another model is opened, or the file cannot be written: problem() then says
/// which frames are in it. What an open run has evaluated when recording begins is taken too, since a
/// trace that begins in its middle could not be replayed.
class Recorder : public QObject {
  Q_OBJECT

 public:
  /// `session` must outlive it.
  explicit Recorder(Session* session, QObject* parent = nullptr);
  ~Recorder() override;

  void start(const std::filesystem::path& file);  ///< replaces the file; ends the recording before
  void stop();
  bool recording() const { return recording_wanted_; }
  std::filesystem::path file() const { return file_; }  ///< of this recording, or of the last
  qint64 frames() const { return state_.frames; }       ///< in the file
  qint64 waiting() const { return state_.waiting; }     ///< on their way to it
  bool closing() const { return !closing_.empty(); }    ///< what waits is still being written

  /// Whether there is a run that save() could keep: not a trace, under one policy, and not going on.
  bool can_save() const;
  void save(const std::filesystem::path& file);
  void cancel_saving();
  bool saving() const { return save_ != nullptr; }
  qint64 saved() const { return save_state_.frames; }
  qint64 to_save() const { return to_save_; }
  std::filesystem::path save_file() const { return save_file_; }

 Q_SIGNALS:
  void changed();
  void finished(const std::filesystem::path& file, qint64 frames);  ///< a trace is whole and closed
  void problem(const deer::Problem& problem);

 private:
  void take();
  void start_episode();
  void check_model();
  std::vector<TraceRecording::Frame> frames_from(qint64& next) const;
  std::unique_ptr<TraceRecording> begin(const std::filesystem::path& file, bool save);
  void on_state(quint64 number, const TraceRecording::State& state);
  void on_saved(quint64 number, const TraceRecording::State& state);
  void tell_end(const QString& title, const std::filesystem::path& file, const TraceRecording::State& state);
  static QString amount(qint64 frames, const std::filesystem::path& file);

  Session* session_;
  bool recording_wanted_ = false;
  std::filesystem::path file_;
  std::unique_ptr<TraceRecording> recording_;  ///< null until the first frame is there
  std::filesystem::path model_;                ///< that it records
  std::vector<int> exit_layers_;
  qint64 next_ = 0;  ///< frame of what is open that was not taken yet
  quint64 number_ = 0;
  TraceRecording::State state_;

  struct Closing {
    quint64 number = 0;
    std::filesystem::path file;
    std::unique_ptr<TraceRecording> recording;
  };
  std::vector<Closing> closing_;

  std::unique_ptr<TraceRecording> save_;
  std::filesystem::path save_file_;
  quint64 save_number_ = 0;
  qint64 to_save_ = 0;
  TraceRecording::State save_state_;
};

}  // namespace deer
