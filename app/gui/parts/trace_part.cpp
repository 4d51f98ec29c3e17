// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/trace_part.h"

#include <QDateTime>
#include <QFileDialog>
#include <QFileInfo>

#include "app/gui/bars/recorder_line.h"
#include "app/gui/commands/command_table.h"
#include "sessions/base/paths.h"
#include "sessions/recording/lerobot_run.h"
#include "sessions/recording/recorder.h"

namespace deer {

TracePart::TracePart(Session* session, QWidget* window)
    : QObject(window),
      session_(session),
      recorder_(new Recorder(session, this)),
      lerobot_(new LerobotRun(session, this)),
      line_(new RecorderLine(recorder_)) {
  choose_file_ = [window](const QString& title, bool save, const QString& start) {
    const auto kinds = tr("Traces (*.h5 *.hdf5);;All files (*)");
    return save ? QFileDialog::getSaveFileName(window, title, start, kinds)
                : QFileDialog::getOpenFileName(window, title, start, kinds);
  };
  choose_folder_ = [this, window] {
    return QFileDialog::getSaveFileName(window, tr("Export for LeRobot into a new folder"),
                                        QFileInfo(suggested_name()).completeBaseName(), {}, nullptr,
                                        QFileDialog::ShowDirsOnly);
  };
  connect(recorder_, &Recorder::problem, this, &TracePart::problem);
  connect(lerobot_, &LerobotRun::finished, this, [this](const std::filesystem::path& folder, qint64 frames) {
    Q_EMIT note({.title = tr("%1 frames exported for LeRobot").arg(frames),
                 .details = to_qstring(folder),
                 .advice = {},
                 .id = ProblemId::file_saved});
  });
  connect(lerobot_, &LerobotRun::failed, this, [this](const QString& message) {
    Q_EMIT problem({.title = tr("The episode could not be exported for LeRobot"), .details = message, .advice = {}});
  });
}

QWidget* TracePart::line() const { return line_; }

void TracePart::add_open_command(CommandTable* commands, const QString& menu) {
  commands->add(menu, {{.id = "file.open_trace",
                        .text = tr("Open &trace…"),
                        .tip = tr("Open a recorded run: its exits, actions and pictures, without running a model."),
                        .shortcuts = {QKeySequence(tr("Ctrl+Alt+O"))},
                        .run = [this] {
                          const auto path = choose_file_(tr("Open trace"), false, {});
                          if (!path.isEmpty()) Q_EMIT open_requested(path);
                        }}});
}

void TracePart::add_record_commands(CommandTable* commands, const QString& menu) {
  commands->add(menu, {{.id = "file.save_trace",
                        .text = tr("Save run as t&race…"),
                        .tip = tr("Save what was evaluated, under the active policy, to a file that can be reopened."),
                        .shortcuts = {QKeySequence(tr("Ctrl+S"))},
                        .run = [this] { save(); },
                        .enabled = [this] { return recorder_->can_save(); },
                        .separator_before = true},
                       {.id = "file.record",
                        .text = tr("R&ecord to trace…"),
                        .tip = tr("Record every run to a file, live runs too, until switched off."),
                        .shortcuts = {QKeySequence(tr("Ctrl+R"))},
                        .run = [this] { toggle_recording(); },
                        .checked = [this] { return recorder_->recording(); }},
                       {.id = "file.export_lerobot",
                        .text = tr("Export for &LeRobot…"),
                        .tip = tr("Write the open episode, with what the model did on it, as a LeRobot dataset."),
                        .run = [this] { export_lerobot(); },
                        .enabled = [this] { return lerobot_->can_write(); }}});
  connect(lerobot_, &LerobotRun::changed, commands, &CommandTable::update);
  connect(recorder_, &Recorder::changed, commands, &CommandTable::update);
}

void TracePart::save() {
  const auto file = chosen(tr("Save run as trace"));
  if (!file.empty()) recorder_->save(file);
}

void TracePart::export_lerobot() {
  const auto folder = choose_folder_();
  if (!folder.isEmpty()) lerobot_->write(to_path(folder));
}

void TracePart::toggle_recording() {
  if (recorder_->recording()) return recorder_->stop();
  const auto file = chosen(tr("Record to trace"));
  if (!file.empty()) recorder_->start(file);
}

QString TracePart::suggested_name() const {
  QString what = tr("run");
  if (const auto* const model = session_->model()) what = QFileInfo(QString::fromStdString(model->name)).fileName();
  return QStringLiteral("%1 %2.h5").arg(what, QDateTime::currentDateTime().toString(QStringLiteral("yyyy-MM-dd HHmm")));
}

std::filesystem::path TracePart::chosen(const QString& title) const {
  auto path = choose_file_(title, true, suggested_name());
  if (path.isEmpty()) return {};
  if (QFileInfo(path).suffix().isEmpty()) path += QStringLiteral(".h5");
  return to_path(path);
}

}  // namespace deer
