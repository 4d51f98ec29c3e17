// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/recording/video_encoder.h"

#include <utility>

#include "core/base/error.h"

namespace deer {

VideoEncoder::VideoEncoder(std::filesystem::path file, VideoFormat format, QObject* parent)
    : QObject(parent),
      file_(std::move(file)),
      format_(std::move(format)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

VideoEncoder::~VideoEncoder() {
  thread_.request_stop();
  thread_.join();
}

bool VideoEncoder::has_room() const {
  const std::scoped_lock lock(mutex_);
  return !over_ && !finishing_ && waiting_.size() < static_cast<std::size_t>(kMostWaiting);
}

void VideoEncoder::add(Image picture) {
  {
    const std::scoped_lock lock(mutex_);
    if (over_ || finishing_) return;
    waiting_.push_back(std::move(picture));
  }
  wake_.notify_one();
}

void VideoEncoder::finish() {
  {
    const std::scoped_lock lock(mutex_);
    finishing_ = true;
  }
  wake_.notify_one();
}

void VideoEncoder::cancel() { thread_.request_stop(); }

template <typename Signal, typename... Arguments>
void VideoEncoder::tell(Signal signal, Arguments... arguments) {
  QMetaObject::invokeMethod(
      this,
      [=, this] {
        Q_EMIT(this->*signal)
        (arguments...);
      },
      Qt::QueuedConnection);
}

void VideoEncoder::run(const std::stop_token& stop) {
  QString failure;
  bool cancelled = false;
  try {
    write(stop);
  } catch (const Cancelled&) {
    cancelled = true;
  } catch (const std::exception& error) {
    failure = QString::fromUtf8(error.what());
  }
  {
    const std::scoped_lock lock(mutex_);
    over_ = true;
    waiting_.clear();
  }
  if (cancelled) return tell(&VideoEncoder::cancelled);
  failure.isEmpty() ? tell(&VideoEncoder::finished) : tell(&VideoEncoder::failed, failure);
}

void VideoEncoder::write(const std::stop_token& stop) {
  VideoWriter writer(file_, format_);
  while (true) {
    Image picture;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, stop, [this] { return finishing_ || !waiting_.empty(); });
      if (stop.stop_requested()) throw Cancelled();
      if (waiting_.empty()) break;
      picture = std::move(waiting_.front());
      waiting_.pop_front();
    }
    writer.write(picture);
    tell(&VideoEncoder::packed, static_cast<qint64>(writer.written()));
  }
  writer.finish();
}

}  // namespace deer
