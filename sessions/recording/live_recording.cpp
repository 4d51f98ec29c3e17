// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/recording/live_recording.h"

#include <QDateTime>
#include <algorithm>

#include "sessions/base/paths.h"
#include "sessions/session/live_session.h"

namespace deer {

LiveRecording::LiveRecording(Session* session, QObject* parent) : QObject(parent), session_(session) {
  connect(session_, &Session::episode_changed, this, &LiveRecording::stop);
  connect(session_, &Session::activity_changed, this, [this] {
    if (session_->live()->ended()) stop();
  });
}

LiveRecording::~LiveRecording() {
  if (taking_) session_->live()->set_sink(nullptr);
  for (const auto& [number, recorder] : recorders_) recorder->detach();
}

void LiveRecording::start(const std::filesystem::path& parent, RecordingFormat format) {
  if (taking_ || !session_->live()->is_open() || session_->live()->ended()) return;
  const auto name =
      QStringLiteral("live-") + QDateTime::currentDateTime().toString(QStringLiteral("yyyyMMdd-HHmmss-zzz"));
  EpisodeRecorder::Options options;
  options.queue_bytes = queue_bytes_;
  options.source = session_->episode()->info().title;
  options.format = format_ = format;
  options.info = session_->episode()->info();
  if (const auto* const model = session_->model()) {
    options.model = model->name;
    options.predictions = model->layout;
  }
  status_ = {};
  status_.folder = parent / to_path(name);
  const auto recorder = std::make_shared<EpisodeRecorder>(
      status_.folder, std::move(options), [this, number = ++number_](const RecordingStatus& status) {
        QMetaObject::invokeMethod(
            this, [this, number, status] { told(number, status); }, Qt::QueuedConnection);
      });
  recorders_.emplace_back(number_, recorder);
  taking_ = true;
  session_->live()->set_sink(recorder);
  Q_EMIT changed();
}

void LiveRecording::stop() {
  if (!taking_) return;
  taking_ = false;
  session_->live()->set_sink(nullptr);
  recorders_.back().second->finish();
  Q_EMIT changed();
}

void LiveRecording::told(quint64 number, const RecordingStatus& status) {
  if (number == number_) status_ = status;
  if (status.finished) {
    if (number == number_ && taking_) {
      taking_ = false;
      session_->live()->set_sink(nullptr);
    }
    std::erase_if(recorders_, [&](const auto& one) { return one.first == number; });
    if (!status.problem.empty()) {
      Q_EMIT problem({tr("The recording stopped after %1 frames").arg(status.written),
                      QString::fromStdString(status.problem),
                      tr("The frames already written are kept. Choose another folder or free disk space.")});
    } else {
      if (status.left_out > 0) {
        Q_EMIT problem({tr("%1 frames are missing from the recording").arg(status.left_out),
                        tr("%1: the disk was too slow for them; a new play segment begins after each gap.")
                            .arg(to_qstring(status.folder)),
                        tr("Crop the pictures, or record to a faster disk.")});
      }
      Q_EMIT finished(status.folder);
    }
  }
  Q_EMIT changed();
}

}  // namespace deer
