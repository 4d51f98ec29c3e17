// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/video_part.h"

#include <QFileInfo>
#include <QLabel>
#include <QProgressBar>
#include <QProgressDialog>
#include <QPushButton>
#include <QStandardPaths>
#include <algorithm>
#include <cmath>

#include "app/gui/commands/command_table.h"
#include "sessions/base/paths.h"
#include "sessions/frames/playback.h"
#include "widgets/base/number_format.h"

namespace deer {

VideoPart::VideoPart(Session* session, QWidget* window)
    : QObject(window),
      session_(session),
      window_(window),
      folder_(QStandardPaths::writableLocation(QStandardPaths::MoviesLocation)) {
  if (!QFileInfo(folder_).isDir()) folder_ = QStandardPaths::writableLocation(QStandardPaths::HomeLocation);
}

void VideoPart::add_commands(CommandTable* commands, const QString& menu) {
  commands->add(menu, {{.id = "file.export_video",
                        .text = tr("Export &video…"),
                        .tip = tr("Export a range of frames of the presentation, the window or the arm as MP4."),
                        .shortcuts = {QKeySequence(tr("Ctrl+Shift+X"))},
                        .run = [this] { ask(); },
                        .enabled = [this] { return can_export(); }}});
  connect(this, &VideoPart::running_changed, commands, &CommandTable::update);
}

bool VideoPart::can_export() const {
  return !export_ && session_->frame_count() > 0 && session_->activity() == Session::Activity::idle;
}

void VideoPart::ask() {
  auto subjects = std::make_shared<std::vector<std::unique_ptr<VideoSubject>>>();
  std::vector<const VideoSubject*> offered;
  for (const auto& maker : makers_) {
    auto subject = maker();
    if (!subject) continue;
    offered.push_back(subject.get());
    subjects->push_back(std::move(subject));
  }
  if (offered.empty() || session_->frame_count() == 0) return;
  const auto& info = session_->episode()->info();
  VideoDialog::Facts facts;
  facts.frames = session_->frame_count();
  facts.first = session_->playback()->loop_first();
  facts.last = session_->playback()->loop_last();
  facts.evaluated = session_->evaluated_count();
  facts.frames_per_second = info.frames_per_second;
  facts.folder = folder_;
  facts.title = QString::fromStdString(info.title);
  auto* const dialog = new VideoDialog(std::move(offered), facts, window_);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  connect(dialog, &QDialog::accepted, this, [this, dialog, subjects] {
    const auto plan = dialog->plan();
    folder_ = QFileInfo(to_qstring(plan.file)).absolutePath();
    start(std::move((*subjects)[dialog->subject()]), plan);
  });
  dialog->open();
}

void VideoPart::start(std::unique_ptr<VideoSubject> subject, const VideoExport::Plan& plan) {
  if (export_) return;
  export_ = new VideoExport(session_, std::move(subject), plan, this);
  progress_ = new QProgressDialog(window_);
  progress_->setWindowModality(Qt::WindowModal);
  progress_->setWindowTitle(tr("Export video"));
  progress_->setAccessibleName(progress_->windowTitle());
  progress_->setAutoClose(false);
  progress_->setAutoReset(false);
  progress_->setMinimumDuration(0);
  progress_->setMinimumWidth(420);
  progress_->setRange(0, 1000);
  auto* const cancel = new QPushButton(tr("Cancel"));
  cancel->setAccessibleName(tr("Cancel the export"));
  progress_->setCancelButton(cancel);
  if (auto* const bar = progress_->findChild<QProgressBar*>()) bar->setAccessibleName(tr("Share that is done"));
  connect(progress_, &QProgressDialog::canceled, export_, &VideoExport::cancel);
  connect(export_, &VideoExport::progressed, this, &VideoPart::show_progress);
  connect(export_, &VideoExport::cancelled, this, &VideoPart::end);
  connect(export_, &VideoExport::failed, this, [this](const QString& message) {
    end();
    Q_EMIT problem({tr("The video could not be exported"), message, tr("Choose another file or free disk space.")});
  });
  connect(export_, &VideoExport::finished, this, [this] {
    const auto written = export_->plan();
    end();
    Q_EMIT note({tr("Video saved"),
                 tr("%1: %2 frames, %3 × %4 pixels")
                     .arg(to_qstring(written.file), format_count(written.last - written.first + 1))
                     .arg(written.pixels.width())
                     .arg(written.pixels.height()),
                 {}});
  });
  export_->start();
  show_progress();
  progress_->show();
  Q_EMIT running_changed();
}

void VideoPart::show_progress() {
  if (!progress_) return;
  const auto done = export_->done(), total = export_->total();
  auto text = done < total ? tr("Rendering frame %1 of %2").arg(format_count(done + 1), format_count(total))
                           : tr("Finishing the file");
  if (const double left = export_->seconds_left(); done < total && left >= 0) {
    text += tr(", about %1 s left").arg(format_count(std::max<qint64>(std::llround(left), 1)));
  }
  progress_->setLabelText(text);
  progress_->setValue(static_cast<int>(1000 * done / std::max<qint64>(total, 1)));
}

void VideoPart::end() {
  if (progress_) {
    // Closing it must not cancel.
    progress_->disconnect();
    progress_->hide();
    progress_->deleteLater();
    progress_ = nullptr;
  }
  if (export_) {
    export_->disconnect(this);
    export_->deleteLater();
    export_ = nullptr;
  }
  Q_EMIT running_changed();
}

}  // namespace deer
