// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/timeline/timeline_debug.h"

#include "sessions/debug/debugger.h"
#include "sessions/debug/episode_marks.h"
#include "sessions/frames/playback.h"
#include "sessions/session/session.h"
#include "widgets/timeline/timeline_plot.h"

namespace deer {

TimelineDebug::TimelineDebug(Session* session, Debugger* debugger, Bookmarks* bookmarks, ForcedExits* forced,
                             TimelinePlot* plot, QObject* parent)
    : QObject(parent), session_(session), debugger_(debugger), bookmarks_(bookmarks), forced_(forced), plot_(plot) {
  connect(debugger, &Debugger::hits_changed, this, &TimelineDebug::update);
  connect(debugger, &Debugger::events_changed, this, &TimelineDebug::update);
  connect(bookmarks, &Bookmarks::changed, this, &TimelineDebug::update);
  connect(forced, &ForcedExits::changed, this, &TimelineDebug::update);
  connect(session, &Session::episode_changed, this, &TimelineDebug::update);
  auto* const playback = session->playback();
  connect(playback, &Playback::loop_range_changed, this, &TimelineDebug::update);
  connect(playback, &Playback::looping_changed, this, &TimelineDebug::update);
  connect(plot, &QObject::destroyed, this, [this] { plot_ = nullptr; });
  plot->set_snaps(snaps_);
  update();
}

void TimelineDebug::set_snaps(bool snaps) {
  snaps_ = snaps;
  if (plot_) plot_->set_snaps(snaps);
}

void TimelineDebug::update() {
  if (!plot_) return;
  const auto frames = session_->frame_count();
  TimelineMarks marks;
  marks.gripper_opens = debugger_->gripper_opens();
  marks.gripper_closes = debugger_->gripper_closes();
  marks.breakpoints = debugger_->enabled_hits();
  marks.bookmarks = bookmarks_->frames();
  marks.forced.reset(frames);
  for (const auto& [frame, layer] : forced_->layers()) marks.forced.set(frame, true);
  const auto* const playback = session_->playback();
  if (frames > 0 && (playback->loop_first() > 0 || playback->loop_last() < frames - 1)) {
    marks.loop_first = playback->loop_first();
    marks.loop_last = playback->loop_last();
  }
  plot_->set_marks(std::move(marks));
}

}  // namespace deer
