// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/camera_part.h"

#include <QFileDialog>

#include "app/gui/cameras/camera_strip.h"
#include "app/gui/commands/command_table.h"
#include "app/gui/dialogs/open_cameras_dialog.h"
#include "core/base/error.h"
#include "sessions/base/paths.h"
#include "sessions/live/cameras.h"

namespace deer {

CameraPart::CameraPart(Session* session, const std::filesystem::path& settings, QWidget* window)
    : QObject(window),
      session_(session),
      window_(window),
      memory_(settings),
      recording_(new LiveRecording(session, this)),
      strip_(new CameraStrip(session, recording_, window)) {
  choose_folder_ = [this] {
    return QFileDialog::getExistingDirectory(window_, tr("Record into a new folder inside…"), last_folder_);
  };
  connect(recording_, &LiveRecording::problem, this, &CameraPart::problem);
  connect(strip_, &CameraStrip::record_requested, this, &CameraPart::toggle_recording);
}

void CameraPart::add_file_commands(CommandTable* commands) {
  commands->add({"file.open_cameras",
                 tr("&File"),
                 tr("Open &cameras…"),
                 tr("Watch webcams, network streams, GStreamer pipelines or videos live, and run the model on them."),
                 {QKeySequence(tr("Ctrl+Shift+L"))},
                 [this] { choose(); }});
}

void CameraPart::add_live_commands(CommandTable* commands) {
  commands->add(
      {.id = "live.record",
       .menu = tr("&Live"),
       .text = tr("&Record episodes…"),
       .tip = tr("Write the live frames from now on to a CALVIN data set, or stop it."),
       .shortcuts = {QKeySequence(tr("Ctrl+Shift+R"))},
       .run = [this] { toggle_recording(); },
       .enabled = [this] { return recording_->recording() || (session_->is_live() && !session_->live_ended()); },
       .checked = [this] { return recording_->recording(); },
       .separator_before = true});
  connect(recording_, &LiveRecording::changed, commands, &CommandTable::update);
}

void CameraPart::open(const CameraSourceOptions& cameras) {
  Q_EMIT opening();
  session_->open_live(tr("the cameras"), camera_opener(cameras));
}

void CameraPart::choose() {
  auto* const dialog = new OpenCamerasDialog(list_cameras(), memory_.load(), session_->model() != nullptr, window_);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &QDialog::accepted, this, [this, dialog] {
    const auto cameras = dialog->cameras();
    try {
      memory_.save(cameras);
    } catch (const Error& error) {
      qWarning("%s", error.what());
    }
    open(cameras);
  });
  dialog->open();
}

void CameraPart::toggle_recording() {
  if (recording_->recording()) return recording_->stop();
  if (!session_->is_live() || session_->live_ended()) return;
  const auto folder = choose_folder_();
  if (folder.isEmpty()) return;
  last_folder_ = folder;
  recording_->start(to_path(folder));
}

}  // namespace deer
