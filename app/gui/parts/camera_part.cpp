// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/camera_part.h"

#include <QFileDialog>
#include <exception>

#include "app/gui/cameras/camera_strip.h"
#include "app/gui/commands/command_table.h"
#include "app/gui/dialogs/open_cameras_dialog.h"
#include "sessions/base/paths.h"
#include "sessions/live/cameras.h"
#include "sessions/session/live_session.h"

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
  files_.ask([this, memory = memory_](const std::stop_token& stop) {
    const auto read = memory.load();
    QMetaObject::invokeMethod(
        this,
        [this, read, stop] {
          if (!stop.stop_requested()) remembered_ = read;
        },
        Qt::QueuedConnection);
  });
  connect(recording_, &LiveRecording::problem, this, &CameraPart::problem);
  connect(strip_, &CameraStrip::record_requested, this, [this] { toggle_recording(); });
}

void CameraPart::add_file_commands(CommandTable* commands) {
  commands->add(tr("&File"), {{.id = "file.open_cameras",
                               .text = tr("Open &cameras…"),
                               .tip = tr("Watch webcams, network streams, GStreamer pipelines or videos live, and run "
                                         "the model on them."),
                               .shortcuts = {QKeySequence(tr("Ctrl+Shift+L"))},
                               .run = [this] { choose(); }}});
}

void CameraPart::add_live_commands(CommandTable* commands) {
  const auto enabled = [this] {
    return recording_->recording() || (session_->live()->is_open() && !session_->live()->ended());
  };
  const auto records = [this](RecordingFormat format) {
    return recording_->recording() && recording_->format() == format;
  };
  commands->add(tr("&Live"), {{.id = "live.record",
                               .text = tr("&Record episodes…"),
                               .tip = tr("Start or stop recording live frames to a CALVIN dataset."),
                               .shortcuts = {QKeySequence(tr("Ctrl+Shift+R"))},
                               .run = [this] { toggle_recording(); },
                               .enabled = enabled,
                               .checked = [records] { return records(RecordingFormat::calvin); },
                               .separator_before = true},
                              {.id = "live.record_lerobot",
                               .text = tr("Record episodes for &LeRobot…"),
                               .tip = tr("Start or stop recording live frames, with what the model predicts, to a "
                                         "LeRobot dataset."),
                               .run = [this] { toggle_recording(RecordingFormat::lerobot); },
                               .enabled = enabled,
                               .checked = [records] { return records(RecordingFormat::lerobot); }}});
  connect(recording_, &LiveRecording::changed, commands, &CommandTable::update);
}

void CameraPart::open(const CameraSourceOptions& cameras) {
  Q_EMIT opening();
  session_->live()->open(tr("the cameras"), camera_opener(cameras));
}

void CameraPart::choose() {
  auto* const dialog = new OpenCamerasDialog(list_cameras(), remembered_, session_->model() != nullptr, window_);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &QDialog::accepted, this, [this, dialog] {
    remembered_ = dialog->cameras();
    files_.ask([memory = memory_, cameras = remembered_](const std::stop_token&) {
      try {
        memory.save(cameras);
      } catch (const std::exception& error) {
        qWarning("%s", error.what());
      }
    });
    open(remembered_);
  });
  dialog->open();
}

void CameraPart::toggle_recording(RecordingFormat format) {
  if (recording_->recording()) return recording_->stop();
  if (!session_->live()->is_open() || session_->live()->ended()) return;
  const auto folder = choose_folder_();
  if (folder.isEmpty()) return;
  last_folder_ = folder;
  recording_->start(to_path(folder), format);
}

}  // namespace deer
