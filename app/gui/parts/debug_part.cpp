// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/debug_part.h"

#include <QDockWidget>
#include <QFileDialog>
#include <QLineEdit>
#include <algorithm>

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
#include "widgets/debug/intervention_panel.h"
#include "widgets/debug/watch_panel.h"
#include "widgets/debug/what_if_panel.h"
#include "widgets/timeline/timeline_debug.h"
#include "widgets/timeline/timeline_plot.h"
#include "widgets/timeline/timeline_view.h"

namespace deer {
namespace {

enum PanelIndex : std::size_t { kEvents, kBreakpoints, kWatches, kWhatIf, kInterventions };

QString missing_text(Landmark landmark, int direction) {
  switch (landmark) {
    case Landmark::breakpoint:
      return direction > 0 ? DebugPart::tr("No later frame matches a breakpoint.")
                           : DebugPart::tr("No earlier frame matches a breakpoint.");
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

DebugPart::DebugPart(Session* session, Budget* budget, TimelineView* timeline, QWidget* window)
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
      intervention_panel_(new InterventionPanel(session)),
      marks_(new TimelineDebug(session, debugger_, bookmarks_, forced_, timeline->plot(), this)) {
  connect(debugger_, &Debugger::stopped, this, [this](qint64 frame, const QString& what) {
    Q_EMIT settled(ProblemId::stopped_at_breakpoint);
    Q_EMIT note({.title = tr("Stopped at a breakpoint"),
                 .details = tr("Frame %1, %2").arg(format_count(frame), what),
                 .advice = {},
                 .id = ProblemId::stopped_at_breakpoint});
  });
  connect(debugger_, &Debugger::not_found, this, [this](Landmark landmark, int direction) {
    Q_EMIT note({.title = tr("Nothing found"),
                 .details = missing_text(landmark, direction),
                 .advice = {},
                 .id = ProblemId::nothing_found});
  });
  const auto resumed = [this] {
    Q_EMIT settled(ProblemId::stopped_at_breakpoint);
    Q_EMIT settled(ProblemId::nothing_found);
  };
  connect(session->playback(), &Playback::playing_changed, this, [resumed](bool playing) {
    if (playing) resumed();
  });
  connect(session, &Session::episode_changed, this, resumed);
  connect(session, &Session::activity_changed, this, [this, resumed] {
    if (session_->activity() == Session::Activity::live) resumed();
  });
  connect(what_if_panel_, &WhatIfPanel::open_thresholds_requested, this, &DebugPart::choose_thresholds);
  connect(event_log_, &EventLog::csv_requested, this, &DebugPart::choose_csv);
  connect(event_log_, &EventLog::problem, this, &DebugPart::problem);
}

std::vector<DebugPart::Panel> DebugPart::panels() const {
  return {{QStringLiteral("events"), tr("Events"), event_log_},
          {QStringLiteral("breakpoints"), tr("Breakpoints"), breakpoint_panel_},
          {QStringLiteral("watches"), tr("Watches"), watch_panel_},
          {QStringLiteral("what_if"), tr("What if"), what_if_panel_},
          {QStringLiteral("interventions"), tr("Interventions"), intervention_panel_}};
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

bool DebugPart::any_breakpoint_enabled() const {
  const auto& list = debugger_->breakpoints();
  return std::any_of(list.begin(), list.end(), [](const Breakpoint& one) { return one.enabled; });
}

void DebugPart::enable_breakpoints(bool enable) {
  auto list = debugger_->breakpoints();
  for (auto& one : list) one.enabled = enable;
  debugger_->set_breakpoints(std::move(list));
}

void DebugPart::add_breakpoint_commands(CommandTable* commands) {
  commands->add(tr("&Debug"), {{.id = "debug.breakpoints",
                                .text = tr("&Breakpoints"),
                                .tip = tr("Show the conditions that pause playback and live runs."),
                                .shortcuts = {QKeySequence(tr("Ctrl+Shift+B"))},
                                .run =
                                    [this] {
                                      show_panel(kBreakpoints);
                                      breakpoint_panel_->edit()->line()->setFocus();
                                    }},
                               {.id = "debug.watches",
                                .text = tr("&Watches"),
                                .tip = tr("Show expressions with their value at the cursor and over the episode."),
                                .shortcuts = {QKeySequence(tr("Ctrl+Shift+W"))},
                                .run =
                                    [this] {
                                      show_panel(kWatches);
                                      watch_panel_->edit()->line()->setFocus();
                                    }},
                               {.id = "debug.events",
                                .text = tr("&Events"),
                                .tip = tr("Show the log of what happened in the episode."),
                                .shortcuts = {QKeySequence(tr("Ctrl+Shift+E"))},
                                .run = [this] { show_panel(kEvents); }},
                               {.id = "debug.what_if",
                                .text = tr("What &if"),
                                .tip = tr("Show forced exits and frames whose exit changes under other thresholds."),
                                .shortcuts = {QKeySequence(tr("Ctrl+Shift+F"))},
                                .run = [this] { show_panel(kWhatIf); }},
                               {.id = "debug.interventions",
                                .text = tr("I&nterventions"),
                                .tip = tr("Change what the model sees in a frame and compare every exit."),
                                .shortcuts = {QKeySequence(tr("Ctrl+Shift+I"))},
                                .run = [this] { show_panel(kInterventions); }},
                               {.id = "debug.breakpoints_on",
                                .text = tr("Enable b&reakpoints"),
                                .tip = tr("Enable or disable all breakpoints."),
                                .shortcuts = {QKeySequence(tr("Ctrl+F8"))},
                                .run = [this] { enable_breakpoints(!any_breakpoint_enabled()); },
                                .enabled = [this] { return !debugger_->breakpoints().empty(); },
                                .checked = [this] { return any_breakpoint_enabled(); },
                                .separator_before = true}});
}

void DebugPart::add_step_commands(CommandTable* commands) {
  const auto has_frames = [this] { return session_->frame_count() > 0; };
  const auto has_model = [this] { return session_->model() && session_->frame_count() > 0; };
  const auto run_to = [this](const char* id, Landmark landmark, int direction, const QString& text, const QString& tip,
                             const QString& keys, bool separator = false) {
    return Command{.id = QString::fromLatin1(id),
                   .text = text,
                   .tip = tip,
                   .shortcuts = {QKeySequence(keys)},
                   .run = [this, landmark, direction] { debugger_->run_to(landmark, direction); },
                   .enabled = [this] { return session_->evaluated_count() > 0; },
                   .separator_before = separator};
  };
  commands->add(
      tr("&Debug"),
      {run_to("debug.next_hit", Landmark::breakpoint, 1, tr("Run to the next &hit"),
              tr("Go to the next frame that matches a breakpoint; a live run resumes until there is one."), tr("F7"),
              true),
       run_to("debug.previous_hit", Landmark::breakpoint, -1, tr("Back to the previous hi&t"),
              tr("Go to the previous frame that matches a breakpoint."), tr("Shift+F7")),
       run_to("debug.next_change", Landmark::exit_change, 1, tr("Run to the next exit &change"),
              tr("Go to the next frame where the exit taken changes; a live run resumes until there is one."),
              tr("Ctrl+F7")),
       run_to("debug.next_gripper", Landmark::gripper, 1, tr("Run to the next &gripper event"),
              tr("Go to the next frame where the gripper opens or closes; a live run resumes until there is one."),
              tr("G")),
       run_to("debug.previous_gripper", Landmark::gripper, -1, tr("Back to the previous gripper e&vent"),
              tr("Go to the previous frame where the gripper opened or closed."), tr("Shift+G")),
       {.id = "debug.step_frame",
        .text = tr("Step a &frame"),
        .tip = tr("Show the next frame; a paused live run advances one frame."),
        .shortcuts = {QKeySequence(tr("F10"))},
        .run = [this] { debugger_->step_frame(); },
        .enabled = has_frames,
        .separator_before = true},
       {.id = "debug.step_exit",
        .text = tr("Step an e&xit"),
        .tip = tr("Select the next exit, continuing into the next frame."),
        .shortcuts = {QKeySequence(tr("."))},
        .run = [this] { debugger_->step_exit(1); },
        .enabled = has_model},
       {.id = "debug.step_exit_back",
        .text = tr("Step an exit bac&k"),
        .tip = tr("Select the previous exit, continuing into the previous frame."),
        .shortcuts = {QKeySequence(tr(","))},
        .run = [this] { debugger_->step_exit(-1); },
        .enabled = has_model}});
}

void DebugPart::add_what_if_commands(CommandTable* commands) {
  const auto frame = [this] { return session_->current_frame(); };
  const auto has_model = [this] { return session_->model() != nullptr; };
  commands->add(tr("&Debug"),
                {{.id = "debug.force",
                  .text = tr("F&orce the exit here"),
                  .tip = tr("Force this frame to exit at the selected exit and replay the following frames exactly."),
                  .shortcuts = {QKeySequence(tr("F"))},
                  .run = [this, frame] { forced_->force(frame(), session_->selection()->selected_exit()); },
                  .enabled =
                      [this, frame] {
                        return session_->model() && session_->selection()->selected_exit() >= 0 &&
                               forced_->obstacle(frame()).isEmpty();
                      },
                  .separator_before = true},
                 {.id = "debug.unforce",
                  .text = tr("Remove the force&d exit"),
                  .tip = tr("Let the policy decide on this frame again."),
                  .shortcuts = {QKeySequence(tr("Shift+F"))},
                  .run = [this, frame] { forced_->remove(frame()); },
                  .enabled = [this, frame] { return forced_->layers().contains(frame()); }},
                 {.id = "debug.unforce_all",
                  .text = tr("Remove &all forced exits"),
                  .tip = tr("Let the policy decide on every frame again."),
                  .run = [this] { forced_->remove_all(); },
                  .enabled = [this] { return !forced_->layers().empty(); }},
                 {.id = "debug.freeze",
                  .text = tr("Freeze thre&sholds"),
                  .tip = tr("Freeze the active thresholds; budget changes only update the estimate."),
                  .shortcuts = {QKeySequence(tr("Ctrl+Shift+T"))},
                  .run = [this] { budget_->set_frozen(!budget_->frozen()); },
                  .enabled = has_model,
                  .checked = [this] { return budget_->frozen(); }},
                 {.id = "debug.keep_thresholds",
                  .text = tr("&Use current thresholds as baseline"),
                  .tip = tr("List the frames whose exit changes when the thresholds change from here on."),
                  .run =
                      [this] {
                        flips_->keep_present();
                        show_panel(kWhatIf);
                      },
                  .enabled = has_model}});
}

void DebugPart::add_bookmark_commands(CommandTable* commands) {
  const auto has_marks = [this] { return bookmarks_->frames().count() > 0; };
  commands->add(tr("&Debug"),
                {{.id = "debug.bookmark",
                  .text = tr("Book&mark"),
                  .tip = tr("Set or clear a bookmark on this frame."),
                  .shortcuts = {QKeySequence(tr("B"))},
                  .run = [this] { bookmarks_->toggle(session_->current_frame()); },
                  .enabled = [this] { return session_->frame_count() > 0; },
                  .checked = [this] { return bookmarks_->frames().contains(session_->current_frame()); },
                  .separator_before = true},
                 {.id = "debug.next_bookmark",
                  .text = tr("&Next bookmark"),
                  .tip = tr("Go to the next bookmark."),
                  .shortcuts = {QKeySequence(tr("Ctrl+Right"))},
                  .run = [this] { go_to_bookmark(1); },
                  .enabled = has_marks},
                 {.id = "debug.previous_bookmark",
                  .text = tr("&Previous bookmark"),
                  .tip = tr("Go to the previous bookmark."),
                  .shortcuts = {QKeySequence(tr("Ctrl+Left"))},
                  .run = [this] { go_to_bookmark(-1); },
                  .enabled = has_marks},
                 {.id = "debug.snap",
                  .text = tr("Snap to events"),
                  .tip = tr("Snap to nearby marks while dragging in the timeline, unless Ctrl is held."),
                  .run = [this] { marks_->set_snaps(!marks_->snaps()); },
                  .checked = [this] { return marks_->snaps(); }},
                 {.id = "debug.regret_track",
                  .text = tr("Regret in the timeline"),
                  .tip = tr("Show how far the executed action is from the deepest exit's."),
                  .run = [this] { timeline_->plot()->set_regret_shown(!timeline_->plot()->regret_shown()); },
                  .checked = [this] { return timeline_->plot()->regret_shown(); }}});
}

}  // namespace deer
