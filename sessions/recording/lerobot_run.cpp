// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/recording/lerobot_run.h"

#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/study/lerobot_export.h"
#include "sessions/frames/episode_frames.h"

namespace deer {

LerobotRun::LerobotRun(Session* session, QObject* parent) : QObject(parent), session_(session) {}

LerobotRun::~LerobotRun() { stop_.request_stop(); }

bool LerobotRun::can_write() const {
  const auto activity = session_->activity();
  return !writing_ && session_->frames()->source() && session_->frame_count() > 0 &&
         (activity == Session::Activity::idle || activity == Session::Activity::reading);
}

void LerobotRun::write(const std::filesystem::path& folder) {
  if (!can_write()) return;
  std::vector<FrameRecordPtr> records;
  LerobotExport::Options options;
  for (qint64 frame = 0; frame < session_->frame_count(); ++frame) {
    records.push_back(session_->record(frame));
    if (records.back()) options.predictions = records.back()->layout;
  }
  writing_ = true;
  Q_EMIT changed();
  task_.post(
      [folder, options, records = std::move(records), source = session_->frames()->source(), stop = stop_.get_token()] {
        LerobotExport out(folder, options);
        for (std::size_t i = 0; i < records.size(); ++i) {
          if (stop.stop_requested()) throw Cancelled();
          out.add(source->info(), *source->read(static_cast<std::int64_t>(i)), records[i].get());
        }
        out.finish();
        return static_cast<qint64>(records.size());
      },
      [this, folder](qint64 frames) {
        writing_ = false;
        Q_EMIT changed();
        Q_EMIT finished(folder, frames);
      },
      [this](const QString& message) {
        writing_ = false;
        Q_EMIT changed();
        Q_EMIT failed(message);
      });
}

}  // namespace deer
