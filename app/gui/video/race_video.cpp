// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/video/race_video.h"

#include <QWidget>
#include <utility>

#include "app/gui/video/widget_picture.h"
#include "sessions/recording/video_encoder.h"

namespace deer {

RaceVideo::RaceVideo(const Race* race, QWidget* view, std::filesystem::path file, QObject* parent)
    : QObject(parent),
      race_(race),
      view_(view),
      file_(std::move(file)),
      pixels_(even(view->size() * view->devicePixelRatioF())) {
  VideoFormat format;
  format.width = pixels_.width();
  format.height = pixels_.height();
  format.frames_per_second = kFramesPerSecond;
  encoder_ = new VideoEncoder(file_, std::move(format), this);
  connect(encoder_, &VideoEncoder::finished, this, &RaceVideo::finished);
  connect(encoder_, &VideoEncoder::failed, this, [this](const QString& message) {
    over_ = true;
    Q_EMIT failed(message);
  });
  // The view, which has listened for longer, has taken what changed by then.
  connect(race_, &Race::changed, this, &RaceVideo::look);
}

void RaceVideo::look() {
  if (over_) return;
  if (race_->state() == Race::State::running) {
    const std::array steps = {race_->lane(0).steps, race_->lane(1).steps};
    // Where packing is slower than the race, pictures are left out.
    if (steps == steps_ || !encoder_->has_room()) return;
    steps_ = steps;
    return take(1);
  }
  const bool has_ended = race_->state() == Race::State::finished || race_->state() == Race::State::failed;
  if (!has_ended) return;
  over_ = true;
  if (race_->state() == Race::State::failed && pictures_ == 0) {
    encoder_->cancel();
    return Q_EMIT failed(tr("The race did not begin."));
  }
  take(static_cast<int>(2 * kFramesPerSecond));
  encoder_->finish();
}

void RaceVideo::take(int times) {
  const auto picture = to_image(picture_of(view_, pixels_));
  for (int i = 0; i < times; ++i) encoder_->add(picture);
  pictures_ += times;
}

}  // namespace deer
