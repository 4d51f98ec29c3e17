// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <filesystem>
#include <functional>

#include "app/gui/cameras/camera_memory.h"
#include "sessions/recording/live_recording.h"
#include "sessions/session/session.h"
#include "sessions/threads/newest_task.h"

namespace deer {

class CameraStrip;
class CommandTable;

/// Cameras and the recording of live runs as a part of the window: commands, dialog, and the strip that
/// shows their state.
class CameraPart : public QObject {
  Q_OBJECT

 public:
  /// The last choice is saved in `settings`. `window` owns it, and dialogs appear over it.
  CameraPart(Session* session, const std::filesystem::path& settings, QWidget* window);

  CameraStrip* strip() const { return strip_; }  ///< to be put into a layout, which then owns it
  LiveRecording* recording() const { return recording_; }
  void add_file_commands(CommandTable* commands);
  void add_live_commands(CommandTable* commands);

  void open(const CameraSourceOptions& cameras);
  void choose();  ///< shows the dialog
  void toggle_recording(RecordingFormat format = RecordingFormat::calvin);

  /// How a folder is chosen; a test can answer instead of a dialog. Empty: cancelled.
  void set_folder_chooser(std::function<QString()> chooser) { choose_folder_ = std::move(chooser); }

 Q_SIGNALS:
  void opening();
  void problem(const deer::Problem& problem);

 private:
  Session* session_;
  QWidget* window_;
  CameraMemory memory_;
  CameraSourceOptions remembered_;  ///< as in memory_, once that was read
  LiveRecording* recording_;
  CameraStrip* strip_;
  std::function<QString()> choose_folder_;
  QString last_folder_;
  NewestTask files_;  ///< reads and writes memory_
};

}  // namespace deer
