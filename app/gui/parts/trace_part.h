// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <filesystem>
#include <functional>

#include "sessions/session/session.h"

class QWidget;

namespace deer {

class CommandTable;
class LerobotRun;
class Recorder;
class RecorderLine;

/// Runs as files, as a part of the window: opening a trace, saving a run as one or for LeRobot, recording. Owned by the
/// window.
class TracePart : public QObject {
  Q_OBJECT

 public:
  TracePart(Session* session, QWidget* window);

  void add_open_command(CommandTable* commands, const QString& menu);
  void add_record_commands(CommandTable* commands, const QString& menu);

  QWidget* line() const;  ///< what is being recorded or saved, for the status bar
  Recorder* recorder() const { return recorder_; }
  LerobotRun* lerobot() const { return lerobot_; }

  /// How a file is chosen; a test can answer instead of a dialog. Empty: cancelled.
  using FileChooser = std::function<QString(const QString& title, bool save, const QString& start)>;
  void set_file_chooser(FileChooser chooser) { choose_file_ = std::move(chooser); }
  /// Likewise a new folder.
  void set_folder_chooser(std::function<QString()> chooser) { choose_folder_ = std::move(chooser); }

 Q_SIGNALS:
  void open_requested(const QString& path);
  void problem(const deer::Problem& problem);
  void note(const deer::Problem& problem);

 private:
  void save();
  void export_lerobot();
  void toggle_recording();
  QString suggested_name() const;
  std::filesystem::path chosen(const QString& title) const;

  Session* session_;
  Recorder* recorder_;
  LerobotRun* lerobot_;
  RecorderLine* line_;
  FileChooser choose_file_;
  std::function<QString()> choose_folder_;
};

}  // namespace deer
