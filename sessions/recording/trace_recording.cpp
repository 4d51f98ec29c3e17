// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/recording/trace_recording.h"

#include <chrono>
#include <numeric>
#include <system_error>

#include "core/base/error.h"
#include "core/episodes/media/thumbnail.h"
#include "core/model/model_fingerprint.h"
#include "core/trace/trace_writer.h"

namespace deer {
namespace {

constexpr auto kStateEvery = std::chrono::milliseconds(100);
constexpr int kThumbnailWidth = 200;  // CALVIN's static camera

std::string fingerprint_of(const std::filesystem::path& model) {
  try {
    return model_fingerprint(model);
  } catch (const std::exception&) {
    return {};  // the folder has gone since it was opened
  }
}

}  // namespace

TraceRecording::TraceRecording(std::filesystem::path file, TraceMetadata metadata, std::filesystem::path model,
                               Report report, std::size_t most_waiting)
    : file_(std::move(file)),
      metadata_(std::move(metadata)),
      model_(std::move(model)),
      report_(std::move(report)),
      most_waiting_(most_waiting) {
  thread_ = std::thread([this] { write_loop(); });
}

TraceRecording::~TraceRecording() {
  finish();
  thread_.join();
}

bool TraceRecording::push(std::vector<Frame> frames, Room room) {
  const auto bytes = std::accumulate(frames.begin(), frames.end(), std::size_t{0},
                                     [](std::size_t sum, const Frame& frame) { return sum + size_of(frame); });
  {
    const std::lock_guard lock(mutex_);
    if (ended_ || finishing_) return false;
    // However large, one push fits if nothing waits.
    if (room == Room::bounded && !waiting_.empty() && waiting_bytes_ + bytes > most_waiting_) return false;
    waiting_bytes_ += bytes;
    std::move(frames.begin(), frames.end(), std::back_inserter(waiting_));
  }
  wake_.notify_one();
  return true;
}

void TraceRecording::finish() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
  }
  wake_.notify_one();
}

void TraceRecording::abandon() {
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = finishing_ = true;
  }
  wake_.notify_one();
}

void TraceRecording::write_loop() {
  State state;
  auto reported = std::chrono::steady_clock::time_point{};
  try {
    metadata_.model_hash = fingerprint_of(model_);
    const auto writer = TraceWriter::create(file_, metadata_);
    for (;;) {
      Frame frame;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return finishing_ || !waiting_.empty(); });
        if (abandoned_ || waiting_.empty()) break;
        frame = std::move(waiting_.front());
        waiting_.pop_front();
        waiting_bytes_ -= size_of(frame);
        state.waiting = static_cast<std::int64_t>(waiting_.size());
      }
      write(*writer, frame);
      state.frames = writer->frames();
      if (const auto now = std::chrono::steady_clock::now(); state.waiting == 0 || now - reported >= kStateEvery) {
        reported = now;
        report_(state);
      }
    }
    writer->close();
  } catch (const std::exception& error) {
    state.problem = error.what();
  }
  bool abandoned = false;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    abandoned = abandoned_;
    state.waiting = static_cast<std::int64_t>(waiting_.size());
    waiting_.clear();
  }
  if (abandoned) {
    std::error_code error;
    std::filesystem::remove(file_, error);
    state = {};
  }
  state.ended = true;
  report_(state);
}

void TraceRecording::write(TraceWriter& writer, const Frame& frame) const {
  auto seen = frame.seen;
  if (!seen && frame.data) {
    try {
      seen = frame.data->read(frame.record->frame);
    } catch (const std::exception&) {
      // The model saw it all the same: its record is kept.
    }
  }
  TraceFrame details;
  details.source = frame.source;
  details.episode = frame.episode;
  if (seen) {
    details.frame_id = seen->frame_id;
    details.instruction = seen->instruction;
    const auto action = recorded_action(*seen);
    if (action.size() == writer.metadata().layout->width())
      details.recorded_action.assign(action.begin(), action.end());
    if (seen->rgb_static && !seen->rgb_static->empty()) {
      details.thumbnail = jpeg_thumbnail(*seen->rgb_static, kThumbnailWidth);
    }
  }
  writer.append(*frame.record, details);
}

std::size_t TraceRecording::size_of(const Frame& frame) {
  std::size_t bytes = 2048;
  for (const auto& probe : frame.record->exits) bytes += (probe.feature.size() + probe.action.size()) * sizeof(float);
  if (!frame.seen) return bytes;
  for (const auto& picture : {frame.seen->rgb_static, frame.seen->rgb_gripper}) {
    if (picture) bytes += picture->rgb.size();
  }
  return bytes;
}

}  // namespace deer
