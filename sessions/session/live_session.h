// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <chrono>
#include <memory>
#include <optional>

#include "core/base/latency_meter.h"
#include "sessions/live/live_source.h"
#include "sessions/threads/newest_request.h"

namespace deer {

class SessionCore;

/// The live side of a session: a source whose frames come by themselves and stay, their pictures as long as
/// EpisodeFrames::set_cache_bytes() has room. Opening starts it, unless it takes commands and no model is open or
/// being opened: then one frame is shown. Session::run_episode() starts and resumes; Session::cancel() and pause() stop
/// it between two layers. The collection that was open stays open. A policy that changes while it runs holds from the
/// next step on; once it is paused, a change is replayed over the frames that were seen, as in a recorded episode.
/// GUI thread only.
class LiveSession : public QObject {
  Q_OBJECT

 public:
  explicit LiveSession(SessionCore* core);

  void open(const QString& name, LiveOpener opener);
  bool is_open() const { return open_; }
  bool ended() const { return open_ && ended_; }                    ///< its frames stay, no more will come
  bool takes_commands() const { return open_ && takes_commands_; }  ///< the model acts on it
  bool running() const;  ///< the model goes from frame to frame, or they are watched
  void pause();
  void end();
  /// A new instruction; the policy begins with an empty memory, as between CALVIN's subtasks.
  void instruct(const QString& text);

  /// Probe, unless set: every exit is evaluated, so that any policy can be replayed. In policy mode the model
  /// really stops early, from the next step on; such frames keep the exit they were run with.
  RunMode mode() const { return mode_; }
  void set_mode(RunMode mode);
  /// Asked after each step whether to pause there; empty: never. It is called on the inference thread, and holds
  /// what it needs.
  void set_guard(LiveGuard guard);
  /// Takes every frame as it is made, until another does; null: nobody.
  void set_sink(LiveSinkPtr sink);

  double rate_hz() const { return rate_hz_; }  ///< achieved over the last second; 0 while it does not run
  QString status() const { return open_ ? status_ : QString(); }  ///< what the source says of how it goes; may be empty
  /// Tasks that had ended by the newest frame; none if the source cannot tell.
  std::optional<TaskCount> tasks() const { return open_ ? tasks_ : std::nullopt; }
  /// Whether the policy was changed while it ran, and what is shown is what was done under each.
  bool several_policies() const { return open_ && several_policies_; }
  /// The current frame moves on with the newest. Begins when the newest is made the current one, ends
  /// when another is.
  bool following() const { return following_; }
  /// How the cameras of the source go; comes a few times a second, also while no frame does. No cameras:
  /// the source has none.
  const CameraSourceReport& report() const { return report_; }

  /// To be called by the view that shows the static picture, at the end of its first painting of a frame: here
  /// ends what latency() measures.
  void picture_shown(qint64 frame);
  /// From the moment a picture was captured to the end of its painting, over the last 10 s or so of the run.
  /// Frames that were never painted, because newer ones had come, are no part of it.
  LatencySummary latency() const { return latency_.summary(); }

 Q_SIGNALS:
  /// Session::frame_count() has grown; Session::instructions() perhaps too.
  void frames_added(qint64 first, qint64 last);
  void paused_by_guard(qint64 frame);  ///< after this frame
  /// The session's records are about to be forgotten, for another source or another model.
  void records_leaving();
  void report_changed();

 private:
  friend class Session;
  friend class SessionCore;

  // What the session's core asks.
  bool can_only_watch() const { return open_ && !takes_commands_; }  ///< it can run without a model
  void close();                                                      ///< another episode takes its place
  std::shared_ptr<LiveControl> control_of_new_run();
  void post_policy();  ///< to the run that goes on
  void run_ended() { rate_hz_ = 0; }
  void set_following(bool following) { following_ = following; }

  // Answers.
  void on_opened(const Ticket& ticket);
  void on_frames(const Ticket& rollout, const LiveBatch& batch);
  void on_policy_taken(const Ticket& command, quint64 id, const ExitPolicy& taken);
  void on_policy_refused(const Ticket& command, quint64 id, const QString& reason);
  void on_guard_paused(const Ticket& command, qint64 frame);
  void on_report(const Ticket& source, const CameraSourceReport& report);
  void use(LiveSource source);

  SessionCore* core_;
  bool open_ = false;
  bool ended_ = false;
  bool takes_commands_ = false;
  bool following_ = true;
  bool several_policies_ = false;
  std::shared_ptr<LiveControl> control_;  ///< of the newest run; never null while open
  RunMode mode_ = RunMode::probe;
  std::shared_ptr<const LiveGuard> guard_;
  double rate_hz_ = 0;
  QString status_;
  std::optional<TaskCount> tasks_;
  Ticket source_;  ///< the rollout that the source was set with
  CameraSourceReport report_;
  std::optional<std::chrono::steady_clock::time_point> started_at_;
  LatencyMeter latency_;  ///< from capture to screen
  qint64 last_shown_ = -1;
  QElapsedTimer last_batch_;
};

}  // namespace deer
