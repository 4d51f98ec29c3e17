// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/debug_part.h"

#include <QDockWidget>
#include <QFileDialog>
#include <QLineEdit>
#include <QUndoStack>

#include "app/gui/commands/command_table.h"
#include "sessions/analysis/budget.h"
#include "sessions/analysis/threshold_flips.h"
#include "sessions/base/paths.h"
#include "sessions/debug/debugger.h"
#include "sessions/debug/episode_marks.h"
#include "sessions/frames/playback.h"
#include "widgets/base/number_format.h"
#include "widgets/debug/breakpoint_panel.h"
#include "widgets/debug/event_log.h"
#include "widgets/debug/expression_edit.h"
#include "widgets/debug/watch_panel.h"
#include "widgets/debug/what_if_panel.h"
#include "widgets/timeline/timeline_debug.h"
#include "widgets/timeline/timeline_plot.h"
#include "widgets/timeline/timeline_view.h"

namespace deer {
namespace {

enum PanelIndex : std::size_t { kEvents, kBreakpoints, kWatches, kWhatIf };

QString stopped_title() { return DebugPart::tr("Stopped at a breakpoint"); }

QString missing_text(Landmark landmark, int direction) {
  switch (landmark) {
    case Landmark::breakpoint:
      return direction > 0 ? DebugPart::tr("No breakpoint holds on a later frame.")
                           : DebugPart::tr("No breakpoint holds on an earlier frame.");
    case Landmark::exit_change:
      return direction > 0 ? DebugPart::tr("The exit taken does not change on a later frame.")
                           : DebugPart::tr("The exit taken does not change on an earlier frame.");
    case Landmark::gripper:
      return direction > 0 ? DebugPart::tr("The gripper does not open or close on a later frame.")
                           : DebugPart::tr("The gripper does not open or close on an earlier frame.");
  }
  return {};
}

}  // namespace

DebugPart::DebugPart(Session* session, Budget* budget, TimelineView* timeline, QUndoStack* undo, QWidget* window)
    : QObject(window),
      session_(session),
      budget_(budget),
      timeline_(timeline),
      window_(window),
      debugger_(new Debugger(session, this)),
      bookmarks_(new Bookmarks(session, this)),
      forced_(new ForcedExits(session, this)),
      flips_(new ThresholdFlips(session, this)),
      breakpoint_panel_(new BreakpointPanel(debugger_)),
      watch_panel_(new WatchPanel(session, debugger_)),
      event_log_(new EventLog(session, debugger_)),
      what_if_panel_(new WhatIfPanel(session, forced_, flips_)),
      marks_(new TimelineDebug(session, debugger_, bookmarks_, forced_, timeline->plot(), this)) {
  connect(debugger_, &Debugger::stopped, this, [this](qint64 frame, const QString& what) {
    Q_EMIT note_over(ProblemId::stopped_at_breakpoint);
    Q_EMIT note(
        {stopped_title(), tr("Frame %1, %2").arg(format_count(frame), what), {}, ProblemId::stopped_at_breakpoint});
  });
  connect(debugger_, &Debugger::not_found, this, [this](Landmark landmark, int direction) {
    Q_EMIT note({tr("Nothing to go to"), missing_text(landmark, direction), {}, ProblemId::nothing_found});
  });
  const auto go_on = [this] {
    Q_EMIT note_over(ProblemId::stopped_at_breakpoint);
    Q_EMIT note_over(ProblemId::nothing_found);
  };
  connect(session->playback(), &Playback::playing_changed, this, [go_on](bool playing) {
    if (playing) go_on();
  });
  connect(session, &Session::episode_changed, this, go_on);
  connect(session, &Session::activity_changed, this, [this, go_on] {
    if (session_->activity() == Session::Activity::live) go_on();
  });
  connect(forced_, &ForcedExits::episode_swapped, undo, &QUndoStack::clear);
  connect(what_if_panel_, &WhatIfPanel::open_thresholds_requested, this, &DebugPart::choose_thresholds);
  connect(event_log_, &EventLog::csv_requested, this, &DebugPart::choose_csv);
  connect(event_log_, &EventLog::problem, this, &DebugPart::problem);
}

std::vector<DebugPart::Panel> DebugPart::panels() const {
  return {{QStringLiteral("events"), tr("Events"), event_log_},
          {QStringLiteral("breakpoints"), tr("Breakpoints"), breakpoint_panel_},
          {QStringLiteral("watches"), tr("Watches"), watch_panel_},
          {QStringLiteral("what_if"), tr("What if"), what_if_panel_}};
}

void DebugPart::show_panel(std::size_t index) {
  if (index >= docks_.size()) return;
  docks_[index]->show();
  docks_[index]->raise();
}

DebugState DebugPart::state() const { return {debugger_->breakpoints(), debugger_->watches(), bookmarks_->all()}; }

void DebugPart::restore(const DebugState& state) {
  debugger_->set_breakpoints(state.breakpoints);
  debugger_->set_watches(state.watches);
  bookmarks_->set_all(state.bookmarks);
}

void DebugPart::choose_thresholds() {
  const auto path = QFileDialog::getOpenFileName(window_, tr("Compare with thresholds"), {},
                                                 tr("Thresholds (*.json *.txt);;All files (*)"));
  if (!path.isEmpty()) flips_->open(to_path(path));
}

void DebugPart::choose_csv() {
  const auto path = QFileDialog::getSaveFileName(window_, tr("Save events"), QStringLiteral("events.csv"),
                                                 tr("CSV (*.csv);;All files (*)"));
  if (!path.isEmpty()) event_log_->save_csv(path);
}

void DebugPart::go_to_bookmark(int direction) {
  const auto frame = session_->current_frame();
  const auto& marks = bookmarks_->frames();
  const auto found = direction > 0 ? marks.next(frame) : marks.previous(frame);
  if (found) session_->playback()->go_to(*found);
}

void DebugPart::add_commands(CommandTable* commands) {
  add_breakpoint_commands(commands);
  add_step_commands(commands);
  add_what_if_commands(commands);
  add_bookmark_commands(commands);
  const auto update = [commands] { commands->update(); };
  connect(debugger_, &Debugger::breakpoints_changed, commands, update);
  connect(bookmarks_, &Bookmarks::changed, commands, update);
  connect(forced_, &ForcedExits::changed, commands, update);
  connect(budget_, &Budget::frozen_changed, commands, update);
}

void DebugPart::add_breakpoint_commands(CommandTable* commands) {
  const auto menu = tr("&Debug");
  commands->add({"debug.breakpoints",
                 menu,
                 tr("&Breakpoints"),
                 tr("Show the conditions at which playback and the live run stop."),
                 {QKeySequence(tr("Ctrl+Shift+B"))},
                 [this] {
                   show_panel(kBreakpoints);
                   breakpoint_panel_->edit()->line()->setFocus();
                 }});
  commands->add({"debug.watches",
                 menu,
                 tr("&Watches"),
                 tr("Show expressions with their value at the cursor and over the episode."),
                 {QKeySequence(tr("Ctrl+Shift+W"))},
                 [this] {
                   show_panel(kWatches);
                   watch_panel_->edit()->line()->setFocus();
                 }});
  commands->add({"debug.events",
                 menu,
                 tr("&Events"),
                 tr("Show the log of what happened in the episode."),
                 {QKeySequence(tr("Ctrl+Shift+E"))},
                 [this] { show_panel(kEvents); }});
  commands->add({"debug.what_if",
                 menu,
                 tr("What &if"),
                 tr("Show forced exits, and the frames that leave elsewhere under other thresholds."),
                 {QKeySequence(tr("Ctrl+Shift+F"))},
                 [this] { show_panel(kWhatIf); }});
  commands->add({.id = "debug.breakpoints_on",
                 .menu = menu,
                 .text = tr("B&reakpoints are on"),
                 .tip = tr("Switch all breakpoints on or off."),
                 .shortcuts = {QKeySequence(tr("Ctrl+F8"))},
                 .run =
                     [this] {
                       auto list = debugger_->breakpoints();
                       const bool any = std::any_of(list.begin(), list.end(), [](const auto& b) { return b.enabled; });
                       for (auto& one : list) one.enabled = !any;
                       debugger_->set_breakpoints(std::move(list));
                     },
                 .enabled = [this] { return !debugger_->breakpoints().empty(); },
                 .checked =
                     [this] {
                       const auto& list = debugger_->breakpoints();
                       return std::any_of(list.begin(), list.end(), [](const auto& b) { return b.enabled; });
                     },
                 .separator_before = true});
}

void DebugPart::add_step_commands(CommandTable* commands) {
  const auto menu = tr("&Debug");
  const auto has_records = [this] { return session_->evaluated_count() > 0; };
  const auto has_frames = [this] { return session_->frame_count() > 0; };
  const auto has_model = [this] { return session_->model() && session_->frame_count() > 0; };
  const auto run_to = [&](const char* id, Landmark landmark, int direction, const QString& text, const QString& tip,
                          const QString& keys, bool separator = false) {
    commands->add({.id = QString::fromLatin1(id),
                   .menu = menu,
                   .text = text,
                   .tip = tip,
                   .shortcuts = {QKeySequence(keys)},
                   .run = [this, landmark, direction] { debugger_->run_to(landmark, direction); },
                   .enabled = has_records,
                   .separator_before = separator});
  };
  run_to("debug.next_hit", Landmark::breakpoint, 1, tr("Run to the next &hit"),
         tr("Go to the next frame where a breakpoint holds, or let the live run go on to it."), tr("F7"), true);
  run_to("debug.previous_hit", Landmark::breakpoint, -1, tr("Back to the &last hit"),
         tr("Go back to the frame before where a breakpoint holds."), tr("Shift+F7"));
  run_to("debug.next_change", Landmark::exit_change, 1, tr("Run to the next exit &change"),
         tr("Go to where the exit taken changes, or let the live run go on to it."), tr("Ctrl+F7"));
  run_to("debug.next_gripper", Landmark::gripper, 1, tr("Run to the next &gripper event"),
         tr("Go to where the gripper opens or closes, or let the live run go on to it."), tr("G"));
  run_to("debug.previous_gripper", Landmark::gripper, -1, tr("Back to the last gripper e&vent"),
         tr("Go back to where the gripper opened or closed."), tr("Shift+G"));
  commands->add({.id = "debug.step_frame",
                 .menu = menu,
                 .text = tr("Step a &frame"),
                 .tip = tr("Show the next frame; a live run that stands runs for one frame."),
                 .shortcuts = {QKeySequence(tr("F10"))},
                 .run = [this] { debugger_->step_frame(); },
                 .enabled = has_frames,
                 .separator_before = true});
  commands->add({"debug.step_exit",
                 menu,
                 tr("Step an e&xit"),
                 tr("Single out the next exit of the frame; after the deepest, the first of the next frame."),
                 {QKeySequence(tr("."))},
                 [this] { debugger_->step_exit(1); },
                 has_model});
  commands->add({"debug.step_exit_back",
                 menu,
                 tr("Step an exit bac&k"),
                 tr("Single out the exit before; before the first, the deepest of the frame before."),
                 {QKeySequence(tr(","))},
                 [this] { debugger_->step_exit(-1); },
                 has_model});
}

void DebugPart::add_what_if_commands(CommandTable* commands) {
  const auto menu = tr("&Debug");
  const auto frame = [this] { return session_->current_frame(); };
  commands->add({.id = "debug.force",
                 .menu = menu,
                 .text = tr("F&orce the exit here"),
                 .tip = tr("Leave this frame at the exit singled out, and replay what follows exactly."),
                 .shortcuts = {QKeySequence(tr("F"))},
                 .run = [this, frame] { forced_->force(frame(), session_->selected_exit()); },
                 .enabled =
                     [this, frame] {
                       return session_->model() && session_->selected_exit() >= 0 &&
                              forced_->obstacle(frame()).isEmpty();
                     },
                 .separator_before = true});
  commands->add({"debug.unforce",
                 menu,
                 tr("Do &not force it"),
                 tr("Let the policy decide on this frame again."),
                 {QKeySequence(tr("Shift+F"))},
                 [this, frame] { forced_->remove(frame()); },
                 [this, frame] { return forced_->layers().contains(frame()); }});
  commands->add({"debug.unforce_all",
                 menu,
                 tr("Remove &all forced exits"),
                 tr("Let the policy decide on every frame again."),
                 {},
                 [this] { forced_->remove_all(); },
                 [this] { return !forced_->layers().empty(); }});
  commands->add({"debug.freeze",
                 menu,
                 tr("Freeze &thresholds"),
                 tr("Keep the thresholds in force while budgets move; those only estimate."),
                 {QKeySequence(tr("Ctrl+Shift+T"))},
                 [this] { budget_->set_frozen(!budget_->frozen()); },
                 [this] { return session_->model() != nullptr; },
                 [this] { return budget_->frozen(); }});
  commands->add({"debug.keep_thresholds",
                 menu,
                 tr("&Keep the thresholds to compare"),
                 tr("List the frames that flip when the thresholds change from here on."),
                 {},
                 [this] {
                   flips_->keep_present();
                   show_panel(kWhatIf);
                 },
                 [this] { return session_->model() != nullptr; }});
}

void DebugPart::add_bookmark_commands(CommandTable* commands) {
  const auto menu = tr("&Debug");
  const auto has_frames = [this] { return session_->frame_count() > 0; };
  const auto has_marks = [this] { return bookmarks_->frames().count() > 0; };
  commands->add({.id = "debug.bookmark",
                 .menu = menu,
                 .text = tr("Book&mark"),
                 .tip = tr("Mark this frame, or take the mark away."),
                 .shortcuts = {QKeySequence(tr("B"))},
                 .run = [this] { bookmarks_->toggle(session_->current_frame()); },
                 .enabled = has_frames,
                 .checked = [this] { return bookmarks_->frames().contains(session_->current_frame()); },
                 .separator_before = true});
  commands->add({"debug.next_bookmark",
                 menu,
                 tr("Next bookmar&k"),
                 tr("Go to the next marked frame."),
                 {QKeySequence(tr("Ctrl+Right"))},
                 [this] { go_to_bookmark(1); },
                 has_marks});
  commands->add({"debug.previous_bookmark",
                 menu,
                 tr("&Previous bookmark"),
                 tr("Go back to the marked frame before."),
                 {QKeySequence(tr("Ctrl+Left"))},
                 [this] { go_to_bookmark(-1); },
                 has_marks});
  commands->add({"debug.snap",
                 menu,
                 tr("&Snap to events"),
                 tr("Dragging in the timeline stops at marks that are close, unless Ctrl is held."),
                 {},
                 [this] { marks_->set_snaps(!marks_->snaps()); },
                 {},
                 [this] { return marks_->snaps(); }});
  commands->add({"debug.regret_track",
                 menu,
                 tr("Regret in the timeline"),
                 tr("Show how far the executed action is from the deepest exit's."),
                 {},
                 [this] { timeline_->plot()->set_regret_shown(!timeline_->plot()->regret_shown()); },
                 {},
                 [this] { return timeline_->plot()->regret_shown(); }});
}

}  // namespace deer
