// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <QStringList>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/debug/frame_values.h"
#include "sessions/debug/debug_state.h"
#include "sessions/debug/event_store.h"
#include "sessions/debug/frame_scan.h"
#include "sessions/debug/frame_set.h"

namespace deer {

class Session;

/// Where to go next.
enum class Landmark { breakpoint, exit_change, gripper };

/// Breakpoints, watches and events of a session. What they say of an episode is computed in the background; playback
/// and a live run stop at the very frame. GUI thread only.
class Debugger : public QObject {
  Q_OBJECT

 public:
  /// `session` must outlive it.
  explicit Debugger(Session* session, QObject* parent = nullptr);
  ~Debugger() override;

  // Breakpoints. One with an error holds nowhere.
  const std::vector<Breakpoint>& breakpoints() const { return breakpoints_; }
  void set_breakpoints(std::vector<Breakpoint> breakpoints);
  QString breakpoint_error(std::size_t index) const { return breakpoint_errors_[index]; }
  const FrameSet& hits(std::size_t index) const { return hits_[index]; }  ///< also of one that is off
  const FrameSet& enabled_hits() const { return enabled_hits_; }

  // Watches, in float precision over the episode.
  const QStringList& watches() const { return watches_; }
  void set_watches(QStringList watches);
  QString watch_error(std::size_t index) const { return watch_errors_[index]; }
  std::span<const float> watch_values(std::size_t index) const { return watch_values_[index]; }

  /// Why the text is no expression over a frame's values, and where; empty if it is one.
  QString error_of(const QString& text) const;

  const EventStore& events() const { return events_; }
  void log_error(const QString& text);  ///< at the current frame

  const FrameSet& exit_changes() const { return exit_changes_; }
  /// Of the actions that expressions name: the open model's, or else DeeR's.
  const ActionLayout& layout() const;

  const FrameSet& gripper_opens() const { return gripper_opens_; }
  const FrameSet& gripper_closes() const { return gripper_closes_; }
  bool scanning() const { return !scan_.finished(); }

  /// Shows the nearest such frame after (direction > 0) or before the current one; once the scan is done, if it still
  /// goes on. A live run that is followed goes on until there is one.
  void run_to(Landmark landmark, int direction);
  /// A live run that stands: runs it for one frame. Otherwise shows the next one.
  void step_frame();
  /// Singles out the next (or last) exit of the frame; past the deepest, the first of the next frame.
  void step_exit(int direction);

 Q_SIGNALS:
  void breakpoints_changed();  ///< the list, or what is wrong with it
  void hits_changed();
  void watches_changed();
  void watch_values_changed(qint64 first, qint64 last);
  void events_changed();
  /// Playback or the live run stopped at a frame; `what` says at which breakpoint.
  void stopped(qint64 frame, const QString& what);
  void not_found(Landmark landmark, int direction);

 private:
  struct Compiled;

  void compile();
  void start_scan();
  void begin_episode();
  void take_frames(qint64 first, qint64 last);
  void take_scan(const ScanResult& result);
  void update_enabled_hits();
  void stop_at(qint64 frame);
  void on_live_stood(qint64 frame);
  void set_guard(const QString& once);
  void go_to_landmark();
  FrameFacts facts() const;

  Session* session_;
  std::vector<Breakpoint> breakpoints_;
  std::vector<QString> breakpoint_errors_;
  std::vector<FrameSet> hits_;
  FrameSet enabled_hits_;
  QStringList watches_;
  std::vector<QString> watch_errors_;
  std::vector<std::vector<float>> watch_values_;
  EventStore events_;
  FrameSet exit_changes_;
  FrameSet gripper_opens_;
  FrameSet gripper_closes_;
  std::unique_ptr<Compiled> compiled_;
  FrameScan scan_;
  QString last_status_;
  QString once_;  ///< a condition for the next stop of the live run alone

  struct Search {
    Landmark landmark;
    int direction;
    qint64 from;
  };
  std::optional<Search> search_;
};

}  // namespace deer
