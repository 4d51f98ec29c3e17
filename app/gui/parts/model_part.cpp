// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/model_part.h"

#include <QApplication>
#include <QClipboard>
#include <QDockWidget>
#include <QFileDialog>

#include "app/gui/commands/command_table.h"
#include "core/exits/policy_json.h"
#include "sessions/analysis/budget.h"
#include "sessions/analysis/calibration_watch.h"
#include "sessions/analysis/gate_opener.h"
#include "sessions/analysis/run_tally.h"
#include "sessions/base/paths.h"
#include "sessions/session/live_session.h"
#include "sessions/session/policy_undo.h"
#include "sessions/session/trace_session.h"
#include "widgets/budget/budget_panel.h"
#include "widgets/budget/calibration_view.h"
#include "widgets/budget/policy_panel.h"
#include "widgets/exits/threshold_editor.h"
#include "widgets/exports/view_exports.h"
#include "widgets/exports/view_values.h"

namespace deer {
namespace {

QString threshold_files() { return ModelPart::tr("Thresholds (*.json *.txt);;All files (*)"); }

}  // namespace

ModelPart::ModelPart(Session* session, QWidget* window)
    : QObject(window),
      session_(session),
      window_(window),
      thresholds_(new ThresholdEditor(session, window)),
      budget_(new Budget(session, this)),
      budget_panel_(new BudgetPanel(session, budget_, window)),
      panel_(new PolicyPanel(session, budget_, budget_panel_, thresholds_, window)),
      watch_(new CalibrationWatch(session, budget_, this)),
      calibration_(new CalibrationView(session, watch_, window)),
      gates_(new GateOpener(session, this)) {
  connect(budget_, &Budget::problem, this, &ModelPart::problem);
  connect(gates_, &GateOpener::problem, this, &ModelPart::problem);
  connect(watch_, &CalibrationWatch::drift_found, this, &ModelPart::warn_of_drift);
}

void ModelPart::add_edit_commands(CommandTable* commands) {
  auto* const undo = PolicyUndo::of(session_);
  commands->add(tr("&Edit"), {{.id = "edit.undo",
                               .text = tr("&Undo"),
                               .tip = tr("Undo the last change of the policy."),
                               .shortcuts = {QKeySequence::Undo},
                               .run = [undo] { undo->undo(); },
                               .enabled = [undo] { return undo->can_undo(); }},
                              {.id = "edit.redo",
                               .text = tr("&Redo"),
                               .tip = tr("Redo the change."),
                               .shortcuts = {QKeySequence::Redo},
                               .run = [undo] { undo->redo(); },
                               .enabled = [undo] { return undo->can_redo(); }},
                              {.id = "edit.copy_policy",
                               .text = tr("&Copy policy"),
                               .tip = tr("Copy the exit policy as JSON."),
                               .shortcuts = {QKeySequence(tr("Ctrl+Shift+C"))},
                               .run =
                                   [this] {
                                     const auto text = policy_as_text(session_->policy());
                                     QApplication::clipboard()->setText(QString::fromStdString(text));
                                   },
                               .enabled = [this] { return session_->model() != nullptr; },
                               .separator_before = true}});
  connect(undo, &PolicyUndo::changed, commands, [undo, commands] {
    const auto name = [commands](const char* id, const QString& text, const QString& step) {
      commands->action(QLatin1String(id))->setText(step.isEmpty() ? text : tr("%1: %2").arg(text, step));
    };
    name("edit.undo", tr("&Undo"), undo->undo_text());
    name("edit.redo", tr("&Redo"), undo->redo_text());
    commands->update();
  });
}

void ModelPart::add_model_commands(CommandTable* commands) {
  const auto has_model = [this] { return session_->model() != nullptr; };
  const auto solved = [this] { return budget_->has_policy(); };
  commands->add(tr("&Model"),
                {{.id = "model.run",
                  .text = tr("&Run the model"),
                  .tip = tr("Evaluate every exit of every frame in the episode, or resume the live run."),
                  .shortcuts = {QKeySequence(tr("F5"))},
                  .run = [this] { session_->run_episode(); },
                  .enabled = [this] { return can_run(); }},
                 {.id = "model.cancel",
                  .text = tr("&Cancel"),
                  .tip = tr("Stop the current operation and keep partial results."),
                  .shortcuts = {QKeySequence(tr("Esc"))},
                  .run = [this] { session_->cancel(); },
                  .enabled = [this] { return session_->activity() != Session::Activity::idle; }},
                 {.id = "model.suggested",
                  .text = tr("&Suggested thresholds"),
                  .tip = tr("Use the thresholds that came with the model."),
                  .shortcuts = {QKeySequence(tr("Ctrl+T"))},
                  .run = [this] { thresholds_->reset_to_suggested(); },
                  .enabled = [this] { return session_->model() && !session_->model()->suggested_thresholds.empty(); },
                  .separator_before = true},
                 {.id = "model.open_gate",
                  .text = tr("Open learned &gate…"),
                  .tip = tr("Open a learned gate written by deer gate, and exit by its predictions."),
                  .run = [this] { choose_gate(); },
                  .enabled = has_model},
                 {.id = "budget.open_calibration",
                  .text = tr("Open &calibration set…"),
                  .tip = tr("Open a calibration set written by deer calibrate."),
                  .run = [this] { choose_calibration(); },
                  .enabled = has_model,
                  .separator_before = true},
                 {.id = "budget.apply",
                  .text = tr("&Apply the budget"),
                  .tip = tr("Apply the budget's thresholds."),
                  .shortcuts = {QKeySequence(tr("Ctrl+B"))},
                  .run = [this] { budget_panel_->apply(); },
                  .enabled = [this] { return budget_panel_->can_apply(); }},
                 {.id = "budget.save",
                  .text = tr("Sa&ve thresholds…"),
                  .tip = tr("Save the budget's thresholds to a file for deer run and deer eval."),
                  .run = [this] { save_thresholds(); },
                  .enabled = solved},
                 {.id = "budget.load",
                  .text = tr("&Load thresholds…"),
                  .tip = tr("Load thresholds from a file (JSON or the reference's arguments) and lock them."),
                  .run = [this] { load_thresholds(); },
                  .enabled = has_model},
                 {.id = "panel.budget",
                  .text = tr("S&how the budget"),
                  .tip = tr("Show the budget in the Policy panel."),
                  .run = [this] { show_page(PolicyPanel::Page::budget); },
                  .enabled = has_model,
                  .separator_before = true},
                 {.id = "panel.thresholds",
                  .text = tr("Show the &thresholds"),
                  .tip = tr("Show the thresholds in the Policy panel."),
                  .run = [this] { show_page(PolicyPanel::Page::thresholds); },
                  .enabled = has_model}});
  connect(budget_, &Budget::solution_changed, commands, &CommandTable::update);
}

bool ModelPart::can_run() const {
  if (session_->live()->is_open()) {
    return !session_->live()->ended() && session_->activity() == Session::Activity::idle &&
           (session_->model() || !session_->live()->takes_commands());
  }
  return session_->model() && session_->episode() && !session_->trace()->metadata() &&
         session_->activity() != Session::Activity::running &&
         (session_->evaluated_count() < session_->frame_count() || !session_->records_current());
}

void ModelPart::show_page(PolicyPanel::Page page) {
  panel_->show_page(page);
  dock_->show();
  dock_->raise();
}

void ModelPart::choose_calibration() {
  const auto path = QFileDialog::getOpenFileName(window_, tr("Open calibration set"), {},
                                                 tr("Calibration sets (*.safetensors *.pth);;All files (*)"));
  if (!path.isEmpty()) budget_->open_calibration(to_path(path));
}

void ModelPart::choose_gate() {
  const auto path = QFileDialog::getOpenFileName(window_, tr("Open learned gate"), {},
                                                 tr("Learned gates (*.safetensors);;All files (*)"));
  if (!path.isEmpty()) gates_->open(to_path(path));
}

void ModelPart::save_thresholds() {
  const auto path = QFileDialog::getSaveFileName(window_, tr("Save thresholds"), QStringLiteral("thresholds.json"),
                                                 threshold_files());
  if (!path.isEmpty()) budget_->save_thresholds(to_path(path));
}

void ModelPart::load_thresholds() {
  const auto path = QFileDialog::getOpenFileName(window_, tr("Load thresholds"), {}, threshold_files());
  if (!path.isEmpty()) budget_->load_thresholds(to_path(path));
}

void ModelPart::warn_of_drift() {
  // Of no consequence where no budget's thresholds are active, or no frame exits there: the Calibration panel shows it.
  if (!budget_->applied()) return;
  const auto& by_exit = RunTally::of(session_)->by_exit();
  QStringList exits;
  for (const int exit : watch_->drifted()) {
    if (exit < static_cast<int>(by_exit.size()) && by_exit[static_cast<std::size_t>(exit)] > 0) {
      exits << QString::number(exit + 1);
    }
  }
  if (exits.isEmpty()) return;
  Q_EMIT warning(
      {tr("The run has drifted from its calibration set"),
       exits.size() == 1
           ? tr("Exit %1's deltas differ from the calibration set.").arg(exits.first())
           : tr("The deltas of exits %1 differ from the calibration set.").arg(exits.join(QStringLiteral(", "))),
       tr("Thresholds solved from it will miss the budget here. The Calibration panel shows how much they "
          "differ; calibrate on data like this.")});
}

void ModelPart::add_exports(ViewExports* exports) {
  exports->add(calibration_, tr("calibration health"), [this] { return calibration_values(*watch_); });
}

}  // namespace deer
