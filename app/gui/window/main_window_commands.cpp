// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>
#include <QClipboard>
#include <QDialogButtonBox>
#include <QDockWidget>
#include <QFileDialog>
#include <QLabel>
#include <QUndoStack>
#include <QVBoxLayout>

#include "app/gui/commands/command_palette.h"
#include "app/gui/dialogs/guide_dialog.h"
#include "app/gui/dialogs/preferences_dialog.h"
#include "app/gui/parts/camera_part.h"
#include "app/gui/parts/present_part.h"
#include "app/gui/parts/trace_part.h"
#include "app/gui/parts/video_part.h"
#include "app/gui/start/demo.h"
#include "app/gui/window/layout_part.h"
#include "app/gui/window/live_bar.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/mode_words.h"
#include "core/base/version.h"
#include "sessions/analysis/budget.h"
#include "sessions/base/paths.h"
#include "sessions/frames/playback.h"
#include "widgets/base/theme.h"
#include "widgets/exits/threshold_editor.h"
#include "widgets/timeline/playback_bar.h"
#include "widgets/timeline/timeline_view.h"

namespace deer {

void MainWindow::add_file_commands() {
  const auto menu = tr("&File");
  const auto start = [](const QStringList& recent) { return recent.isEmpty() ? QString() : recent.first(); };
  commands_->add({"file.open_model",
                  menu,
                  tr("Open &model…"),
                  tr("Open a folder with a multi-exit model."),
                  {QKeySequence(tr("Ctrl+M"))},
                  [this, start] {
                    const auto path = choose_folder_(tr("Open model"), start(saved_.recent_models));
                    if (!path.isEmpty()) open_model(path);
                  }});
  commands_->add({"file.open_dataset",
                  menu,
                  tr("Open &dataset…"),
                  tr("Open a CALVIN dataset or a folder of images."),
                  {QKeySequence::Open},
                  [this, start] {
                    const auto path = choose_folder_(tr("Open dataset"), start(saved_.recent_sources));
                    if (!path.isEmpty()) open_source(path);
                  }});
  commands_->add({"file.open_video",
                  menu,
                  tr("Open &video…"),
                  tr("Open one or two videos and give an instruction."),
                  {QKeySequence(tr("Ctrl+Shift+O"))},
                  [this] { choose_video(); }});
  cameras_->add_file_commands(commands_);
  traces_->add_open_command(commands_, menu);
  if (has_simulated_world()) {
    commands_->add({"file.open_world",
                    menu,
                    tr("Open simulated &world…"),
                    tr("Let the model act in a simulated world, on a task that you write."),
                    {QKeySequence(tr("Ctrl+L"))},
                    [this] { choose_world(); }});
    commands_->add({"file.open_scene",
                    menu,
                    tr("Open MuJoCo &scene…"),
                    tr("Watch any MuJoCo scene that has a camera named static."),
                    {},
                    [this, start] {
                      const auto path =
                          QFileDialog::getOpenFileName(this, tr("Open MuJoCo scene"), start(saved_.recent_sources),
                                                       tr("MuJoCo scenes (*.xml *.mjcf);;All files (*)"));
                      if (!path.isEmpty()) open_scene(path);
                    }});
  }
  commands_->add({.id = "file.restore_session",
                  .menu = menu,
                  .text = tr("Open &last session"),
                  .tip = tr("Open what was open when the program ended."),
                  .shortcuts = {QKeySequence(tr("Ctrl+Alt+R"))},
                  .run = [this] { restore_session(); },
                  .enabled = [this] { return can_restore_; },
                  .separator_before = true});
  commands_->add({.id = "edit.preferences",
                  .menu = menu,
                  .text = tr("&Preferences…"),
                  .tip = tr("Theme, device, memory and what happens at the start."),
                  .shortcuts = {QKeySequence(tr("Ctrl+,"))},
                  .run = [this] { show_preferences(); },
                  .separator_before = true});
  traces_->add_record_commands(commands_, menu);
  commands_->add({.id = "file.save_picture",
                  .menu = menu,
                  .text = tr("&Save picture of the window…"),
                  .tip = tr("Write what the window shows to a PNG file."),
                  .shortcuts = {QKeySequence(tr("Ctrl+Shift+S"))},
                  .run = [this] {
                    const auto path = QFileDialog::getSaveFileName(this, tr("Save picture of the window"),
                                                                   QStringLiteral("deerscope.png"), tr("PNG (*.png)"));
                    if (!path.isEmpty() && !grab().save(path, "PNG")) {
                      show_problem({tr("The picture could not be saved"), path, tr("Choose another folder.")});
                    }
                  }});
  videos_->add_commands(commands_, menu);
  commands_->add({.id = "file.quit",
                  .menu = menu,
                  .text = tr("&Quit"),
                  .tip = tr("Close the program."),
                  .shortcuts = {QKeySequence::Quit, QKeySequence(tr("Ctrl+Q"))},
                  .run = [this] { close(); },
                  .separator_before = true});

  const auto edit = tr("&Edit");
  auto* const undo = thresholds_->undo_stack();
  commands_->add({"edit.undo",
                  edit,
                  tr("&Undo"),
                  tr("Take back the last change of the policy."),
                  {QKeySequence::Undo},
                  [undo] { undo->undo(); },
                  [undo] { return undo->canUndo(); }});
  commands_->add({"edit.redo",
                  edit,
                  tr("&Redo"),
                  tr("Make the change again."),
                  {QKeySequence::Redo},
                  [undo] { undo->redo(); },
                  [undo] { return undo->canRedo(); }});
  connect(undo, &QUndoStack::indexChanged, commands_, &CommandTable::update);
  commands_->add(
      {.id = "edit.copy_policy",
       .menu = edit,
       .text = tr("&Copy policy"),
       .tip = tr("Copy the exit policy as JSON."),
       .shortcuts = {QKeySequence(tr("Ctrl+Shift+C"))},
       .run =
           [this] { QApplication::clipboard()->setText(QString::fromStdString(policy_as_text(session_->policy()))); },
       .enabled = [this] { return session_->model() != nullptr; },
       .separator_before = true});
}

void MainWindow::add_playback_commands() {
  const auto menu = tr("&Playback");
  auto* const playback = session_->playback();
  const auto has_frames = [this] { return session_->frame_count() > 0; };
  const auto has_records = [this] { return session_->evaluated_count() > 0; };
  const auto add = [&](const char* id, const QString& text, const QString& tip, const QString& keys,
                       std::function<void()> run, std::function<bool()> enabled, bool separator = false) {
    commands_->add({.id = id,
                    .menu = menu,
                    .text = text,
                    .tip = tip,
                    .shortcuts = {QKeySequence(keys)},
                    .run = std::move(run),
                    .enabled = std::move(enabled),
                    .separator_before = separator});
  };
  add(
      "playback.toggle", tr("&Play or pause"), tr("Play the episode or the live run, or pause it."), tr("Space"),
      [this] { play(!playback_bar_->playing()); }, has_frames);
  add(
      "playback.back", tr("Frame &back"), tr("Show the frame before."), tr("Left"), [playback] { playback->step(-1); },
      has_frames, true);
  add(
      "playback.forward", tr("Frame &forward"), tr("Show the next frame."), tr("Right"),
      [playback] { playback->step(1); }, has_frames);
  const auto change = [this, playback](int direction) {
    if (const auto frame = session_->exit_change(session_->current_frame(), direction)) playback->go_to(*frame);
  };
  add(
      "playback.previous_change", tr("Previous exit &change"), tr("Go back to where the exit taken changes."),
      tr("Shift+Left"), [change] { change(-1); }, has_records);
  add(
      "playback.next_change", tr("&Next exit change"), tr("Go on to where the exit taken changes."), tr("Shift+Right"),
      [change] { change(1); }, has_records);
  add(
      "playback.first", tr("F&irst frame"), tr("Show the first frame."), tr("Home"), [playback] { playback->go_to(0); },
      has_frames);
  add(
      "playback.last", tr("&Last frame"), tr("Show the last frame."), tr("End"),
      [this, playback] { playback->go_to(session_->frame_count() - 1); }, has_frames);
  add(
      "playback.slower", tr("&Slower"), tr("Play at half the speed."), tr("Ctrl+Down"),
      [playback] { playback->slower(); }, [playback] { return playback->speed() > Playback::kSpeeds.front(); }, true);
  add(
      "playback.faster", tr("F&aster"), tr("Play at twice the speed."), tr("Ctrl+Up"),
      [playback] { playback->faster(); }, [playback] { return playback->speed() < Playback::kSpeeds.back(); });
  commands_->add({"playback.loop",
                  menu,
                  tr("L&oop"),
                  tr("Start over at the end."),
                  {QKeySequence(tr("L"))},
                  [playback] { playback->set_looping(!playback->looping()); },
                  has_frames,
                  [playback] { return playback->looping(); }});
  add(
      "playback.loop_start", tr("Loop s&tarts here"), tr("Play from this frame on."), tr("["),
      [this, playback] {
        playback->set_loop_range(session_->current_frame(), playback->loop_last());
        playback->set_looping(true);
      },
      has_frames);
  add(
      "playback.loop_end", tr("Loop &ends here"), tr("Play up to this frame."), tr("]"),
      [this, playback] {
        playback->set_loop_range(playback->loop_first(), session_->current_frame());
        playback->set_looping(true);
      },
      has_frames);
  add(
      "playback.loop_clear", tr("Play the &whole episode"), tr("Forget where the loop starts and ends."), tr("\\"),
      [playback] { playback->set_loop_range(-1, -1); }, has_frames);
}

void MainWindow::add_exit_commands() {
  const auto menu = tr("E&xits");
  const auto count = [this] { return session_->model() ? int(session_->model()->exit_layers.size()) : 0; };
  commands_->add({"exits.taken",
                  menu,
                  tr("The exit &taken"),
                  tr("No exit is singled out but the one that the policy took."),
                  {QKeySequence(tr("0"))},
                  [this] { session_->set_selected_exit(-1); },
                  [count] { return count() > 0; },
                  [this] { return session_->selected_exit() < 0; }});
  for (int i = 0; i < 9; ++i) {
    const auto number = QString::number(i + 1);
    commands_->add({QStringLiteral("exits.") + number,
                    menu,
                    tr("Exit &%1").arg(number),
                    tr("Deltas and actions frame exit %1; again: none.").arg(number),
                    {QKeySequence(number)},
                    [this, i] { session_->set_selected_exit(session_->selected_exit() == i ? -1 : i); },
                    [count, i] { return i < count(); },
                    [this, i] { return session_->selected_exit() == i; }});
  }
  connect(session_, &Session::selected_exit_changed, commands_, &CommandTable::update);
}

void MainWindow::add_model_commands() {
  const auto menu = tr("&Model");
  commands_->add({"model.run",
                  menu,
                  tr("&Run the model"),
                  tr("Evaluate every exit of every frame of the episode, or go on with the live run."),
                  {QKeySequence(tr("F5"))},
                  [this] { session_->run_episode(); },
                  [this] {
                    if (session_->is_live()) {
                      return !session_->live_ended() && session_->activity() == Session::Activity::idle &&
                             (session_->model() || !session_->live_takes_commands());
                    }
                    return session_->model() && session_->episode() && !session_->trace() &&
                           session_->activity() != Session::Activity::running &&
                           (session_->evaluated_count() < session_->frame_count() || !session_->records_current());
                  }});
  commands_->add({"model.cancel",
                  menu,
                  tr("&Cancel"),
                  tr("Stop loading, running or replaying; keep what there is."),
                  {QKeySequence(tr("Esc"))},
                  [this] { session_->cancel(); },
                  [this] { return session_->activity() != Session::Activity::idle; }});
  commands_->add({.id = "model.suggested",
                  .menu = menu,
                  .text = tr("&Suggested thresholds"),
                  .tip = tr("Use the thresholds that came with the model."),
                  .shortcuts = {QKeySequence(tr("Ctrl+T"))},
                  .run = [this] { thresholds_->reset_to_suggested(); },
                  .enabled = [this] { return session_->model() && !session_->model()->suggested_thresholds.empty(); },
                  .separator_before = true});
  const auto with_model = [this] { return session_->model() != nullptr; };
  const auto solved = [this] { return budget_->policy().has_value(); };
  commands_->add({.id = "budget.open_calibration",
                  .menu = menu,
                  .text = tr("Open &calibration set…"),
                  .tip = tr("Criterion values of a sample of frames, as deer calibrate writes them."),
                  .run = [this] { choose_calibration(); },
                  .enabled = with_model,
                  .separator_before = true});
  commands_->add({"budget.apply",
                  menu,
                  tr("&Apply the budget"),
                  tr("Put the thresholds of the budget in force."),
                  {QKeySequence(tr("Ctrl+B"))},
                  [this] { budget_->apply(); },
                  solved});
  commands_->add({"budget.save",
                  menu,
                  tr("Sa&ve thresholds…"),
                  tr("Write the budget's thresholds to a file that deer run and deer eval take."),
                  {},
                  [this] { choose_thresholds(true); },
                  solved});
  commands_->add({"budget.load",
                  menu,
                  tr("&Load thresholds…"),
                  tr("Lock the thresholds of a file: JSON, or the reference's arguments."),
                  {},
                  [this] { choose_thresholds(false); },
                  with_model});
  connect(budget_, &Budget::solution_changed, commands_, &CommandTable::update);
}

void MainWindow::add_live_commands() {
  const auto menu = tr("&Live");
  const auto open = [this] { return session_->is_live() && !session_->live_ended(); };
  commands_->add({"live.pause",
                  menu,
                  tr("&Pause"),
                  tr("Let the live run stand; F5 goes on with it."),
                  {QKeySequence(tr("F6"))},
                  [this] { session_->pause_live(); },
                  [this] { return session_->activity() == Session::Activity::live; }});
  commands_->add({"live.stop",
                  menu,
                  tr("&Stop"),
                  tr("End the live run; its frames stay."),
                  {QKeySequence(tr("Shift+F6"))},
                  [this] { session_->end_live(); },
                  open});
  commands_->add({.id = "live.instruct",
                  .menu = menu,
                  .text = tr("Give a new &instruction"),
                  .tip = tr("Write what the model is to do next."),
                  .shortcuts = {QKeySequence(tr("Ctrl+I"))},
                  .run = [this] { live_bar_->edit_instruction(); },
                  .enabled = open,
                  .separator_before = true});
  commands_->add(
      {"live.every_exit",
       menu,
       tr("Evaluate &every exit"),
       tr("Run all exits of each live frame, so that other thresholds can be tried on it afterwards."),
       {},
       [this] { session_->set_live_mode(session_->live_mode() == RunMode::probe ? RunMode::policy : RunMode::probe); },
       {},
       [this] { return session_->live_mode() == RunMode::probe; }});
  cameras_->add_live_commands(commands_);
}

void MainWindow::add_view_commands() {
  const auto menu = tr("&View");
  commands_->add({"view.palette",
                  menu,
                  tr("&Search commands…"),
                  tr("Find and run any command by its name."),
                  {QKeySequence(tr("Ctrl+K"))},
                  [this] { palette_->show(); }});
  modes_->add_commands(commands_, menu);
  present_->add_commands(commands_, menu);
  const auto theme = [&](const char* id, const QString& name, const QString& text, bool separator) {
    commands_->add({.id = id,
                    .menu = menu,
                    .text = text,
                    .tip = tr("Change the colours of the window."),
                    .run = [this, name] { set_theme(name); },
                    .checked = [this, name] { return preferences_.theme == name; },
                    .separator_before = separator});
  };
  theme("view.theme_light", QStringLiteral("light"), tr("&Light theme"), true);
  theme("view.theme_dark", QStringLiteral("dark"), tr("&Dark theme"), false);
  theme("view.theme_system", QStringLiteral("system"), tr("Theme of the s&ystem"), false);
  const auto working = [this] { return !shows_welcome(); };
  commands_->add({.id = "view.zoom_in",
                  .menu = menu,
                  .text = tr("Zoom &in"),
                  .tip = tr("Show fewer frames in the timeline."),
                  .shortcuts = {QKeySequence::ZoomIn, QKeySequence(tr("Ctrl+="))},
                  .run = [this] { timeline_->zoom_in(); },
                  .enabled = working,
                  .separator_before = true});
  commands_->add({"view.zoom_out",
                  menu,
                  tr("Zoom &out"),
                  tr("Show more frames in the timeline."),
                  {QKeySequence::ZoomOut},
                  [this] { timeline_->zoom_out(); },
                  working});
  commands_->add({"view.zoom_all",
                  menu,
                  tr("Show &all frames"),
                  tr("Show the whole episode in the timeline."),
                  {QKeySequence(tr("Ctrl+0"))},
                  [this] { timeline_->show_all(); },
                  working});
  commands_->add({.id = "view.panels",
                  .menu = menu,
                  .text = tr("Side &panels"),
                  .tip = tr("Show or hide all panels beside the pictures and the timeline."),
                  .shortcuts = {QKeySequence(tr("F9"))},
                  .run = [this] { layouts_->toggle_panels(); },
                  .enabled = working,
                  .checked = [this] { return layouts_->shows_any_panel(); },
                  .separator_before = true});
  layouts_->add_panel_commands(commands_, menu);
  layouts_->add_layout_commands(commands_, menu);
  commands_->add({"view.reset_layout",
                  menu,
                  tr("&Reset layout"),
                  tr("Put every panel back where it was at first."),
                  {},
                  [this] { layouts_->use_built_in(QStringLiteral("inspect")); },
                  working});
  commands_->add({"view.full_screen",
                  menu,
                  tr("&Full screen"),
                  tr("Use the whole screen, or a window again."),
                  {QKeySequence(tr("F11"))},
                  [this] { setWindowState(windowState() ^ Qt::WindowFullScreen); },
                  {},
                  [this] { return isFullScreen(); }});
}

void MainWindow::add_help_commands() {
  const auto menu = tr("&Help");
  commands_->add({"help.demo",
                  menu,
                  tr("Open &demo"),
                  tr("Open the demo model and episode, and run it."),
                  {QKeySequence(tr("Ctrl+D"))},
                  [this] { open_demo(); }});
  commands_->add({"help.guide",
                  menu,
                  tr("User &guide"),
                  tr("Show what can be done here and how, task by task."),
                  {QKeySequence(tr("F1"))},
                  [this] {
                    auto* const dialog = new GuideDialog(this);
                    dialog->setAttribute(Qt::WA_DeleteOnClose);
                    dialog->show();
                  }});
  commands_->add(
      {"help.keys", menu, tr("&Keys"), tr("List every key and what it does."), {QKeySequence(tr("?"))}, [this] {
         auto* const dialog = new ShortcutDialog(*commands_, this);
         dialog->setAttribute(Qt::WA_DeleteOnClose);
         dialog->show();
       }});
  commands_->add({"help.dismiss",
                  menu,
                  tr("Dismiss &messages"),
                  tr("Clear the messages at the top of the window."),
                  {QKeySequence(tr("Ctrl+Backspace"))},
                  [this] { messages_->dismiss_all(); },
                  [this] { return messages_->count() > 0; }});
  commands_->add({.id = "help.about",
                  .menu = menu,
                  .text = tr("&About Deerscope"),
                  .tip = tr("Version, license and sources."),
                  .run = [this] { show_about(); },
                  .separator_before = true});
}

void MainWindow::show_about() {
  auto* const dialog = new QDialog(this);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setWindowTitle(tr("About Deerscope"));
  auto* const title = new QLabel(tr("Deerscope %1").arg(QString::fromLatin1(kVersion)), dialog);
  title->setFont(Theme::instance().title_font());
  auto* const text = new QLabel(
      tr("Shows, frame by frame, how a robot policy with dynamic early exit decides how much of itself to run.\n\n"
         "The policy is DeeR-VLA: Yue et al., “DeeR-VLA: Dynamic Inference of Multimodal Large Language Models for "
         "Efficient Robot Execution”, NeurIPS 2024, arXiv 2411.02359.\n\n"
         "Free software under the GNU General Public License, version 3 or later. It comes with no warranty. "
         "It sends nothing over the network.\n\nQt %1")
          .arg(QString::fromLatin1(qVersion())),
      dialog);
  text->setWordWrap(true);
  text->setMinimumWidth(420);
  text->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* const buttons = new QDialogButtonBox(QDialogButtonBox::Close, dialog);
  make_plain(buttons);
  connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::reject);
  auto* const layout = new QVBoxLayout(dialog);
  layout->setContentsMargins(spacing::kHuge, spacing::kHuge, spacing::kHuge, spacing::kLarge);
  layout->setSpacing(spacing::kLarge);
  layout->addWidget(title);
  layout->addWidget(text);
  layout->addWidget(buttons);
  dialog->open();
}

}  // namespace deer
