// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/video/video_export.h"

#include <utility>

#include "app/gui/video/widget_picture.h"
#include "sessions/frames/playback.h"
#include "sessions/recording/video_encoder.h"

namespace deer {
namespace {

constexpr int kNextPictureMs = 2;

}  // namespace

VideoExport::VideoExport(Session* session, std::unique_ptr<VideoSubject> subject, const Plan& plan, QObject* parent)
    : QObject(parent), session_(session), subject_(std::move(subject)), plan_(plan) {
  timer_.setInterval(kNextPictureMs);
  connect(&timer_, &QTimer::timeout, this, &VideoExport::look);
}

VideoExport::~VideoExport() {
  timer_.stop();
  if (taking_) subject_->end();
}

void VideoExport::start() {
  VideoFormat format;
  format.width = plan_.pixels.width();
  format.height = plan_.pixels.height();
  format.frames_per_second = plan_.frames_per_second;
  encoder_ = new VideoEncoder(plan_.file, std::move(format), this);
  connect(encoder_, &VideoEncoder::finished, this, &VideoExport::finished);
  connect(encoder_, &VideoEncoder::cancelled, this, [this] {
    stop_taking();
    Q_EMIT cancelled();
  });
  connect(encoder_, &VideoEncoder::failed, this, [this](const QString& message) {
    stop_taking();
    Q_EMIT failed(message);
  });
  connect(encoder_, &VideoEncoder::packed, this, &VideoExport::progressed);
  // Opening another episode cancels the export.
  connect(session_, &Session::episode_changed, this, [this] {
    frame_before_ = -1;
    cancel();
  });
  session_->playback()->pause();
  session_->selection()->set_hovered_frame(-1);
  frame_before_ = session_->current_frame();
  taking_ = true;
  subject_->begin(plan_.pixels);
  session_->set_current_frame(plan_.first);
  clock_.start();
  timer_.start();
}

void VideoExport::cancel() {
  stop_taking();
  if (encoder_) encoder_->cancel();
}

void VideoExport::stop_taking() {
  timer_.stop();
  if (!std::exchange(taking_, false)) return;
  subject_->end();
  disconnect(session_, nullptr, this, nullptr);
  if (frame_before_ >= 0) session_->set_current_frame(frame_before_);
}

double VideoExport::seconds_left() const {
  if (taken_ < 2) return -1;
  return static_cast<double>(clock_.elapsed()) / 1000 * static_cast<double>(total() - taken_) /
         static_cast<double>(taken_);
}

void VideoExport::look() {
  const qint64 frame = plan_.first + taken_;
  if (session_->current_frame() != frame) session_->set_current_frame(frame);
  if (!encoder_->has_room() || !subject_->ready(frame)) return;
  encoder_->add(to_image(subject_->picture()));
  ++taken_;
  if (taken_ < total()) {
    session_->set_current_frame(frame + 1);
  } else {
    stop_taking();
    encoder_->finish();
  }
  Q_EMIT progressed();
}

}  // namespace deer
