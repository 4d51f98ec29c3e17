// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/runs_part.h"

#include <QDockWidget>
#include <QMessageBox>

#include "app/gui/commands/command_table.h"
#include "sessions/runs/kept_runs.h"
#include "widgets/analysis/runs_view.h"

namespace deer {

RunsPart::RunsPart(Session* session, QWidget* window)
    : QObject(window), session_(session), kept_(KeptRuns::of(session)), view_(new RunsView(session, window)) {
  removes_ = [window](const QString& name) {
    return QMessageBox::question(window, tr("Remove the run?"),
                                 tr("“%1” is removed from the list, and its results are deleted. A trace of yours "
                                    "stays where it is.")
                                     .arg(name),
                                 QMessageBox::Yes | QMessageBox::Cancel, QMessageBox::Cancel) == QMessageBox::Yes;
  };
  connect(kept_, &KeptRuns::problem, this, &RunsPart::problem);
  connect(view_, &RunsView::keep_requested, this, &RunsPart::keep);
  connect(view_, &RunsView::remove_requested, this, &RunsPart::remove);
}

void RunsPart::show() {
  if (!dock_) return;
  dock_->show();
  dock_->raise();
}

void RunsPart::keep() {
  const auto id = kept_->keep();
  if (id.isEmpty()) return;
  show();
  view_->begin_naming(id);
}

void RunsPart::remove(const QString& id) {
  const auto* const run = kept_->run(id);
  if (run && removes_(run->name)) kept_->remove(id);
}

void RunsPart::add_commands(CommandTable* commands) {
  commands->add(tr("&Compare"), {{.id = "runs.show",
                                  .text = tr("&Runs"),
                                  .tip = tr("Show the kept runs of this episode and of live sources."),
                                  .shortcuts = {QKeySequence(tr("Ctrl+Shift+U"))},
                                  .run = [this] { show(); },
                                  .enabled = [this] { return session_->frame_count() > 0; }},
                                 {.id = "runs.keep",
                                  .text = tr("&Keep this run"),
                                  .tip = tr("Keep the current run under a name, to compare others with it."),
                                  .shortcuts = {QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_K)},
                                  .run = [this] { keep(); },
                                  .enabled = [this] { return session_->evaluated_count() > 0; }}});
  connect(view_, &RunsView::trace_requested, commands,
          [commands] { commands->trigger(QStringLiteral("compare.trace")); });
}

}  // namespace deer
