// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/frames/live_frames.h"

#include <memory>

namespace deer {
namespace {

std::size_t picture_bytes_of(const Observation& observation) {
  std::size_t bytes = 0;
  for (const auto& image : {observation.rgb_static, observation.rgb_gripper}) {
    if (image) bytes += image->rgb.size();
  }
  return bytes;
}

}  // namespace

ObservationPtr without_pictures(const Observation& observation) {
  auto copy = std::make_shared<Observation>(observation);
  copy->rgb_static.reset();
  copy->rgb_gripper.reset();
  return copy;
}

void LiveFrames::clear() {
  frames_.clear();
  spans_.clear();
  bytes_ = 0;
  first_with_pictures_ = 0;
}

void LiveFrames::append(ObservationPtr observation) {
  const auto frame = count();
  const auto& text = observation->instruction;
  const bool goes_on = !spans_.empty() && spans_.back().last == frame - 1 && spans_.back().instruction == text &&
                       !observation->starts_episode;
  if (goes_on) {
    spans_.back().last = frame;
  } else if (!text.empty()) {
    spans_.push_back({frame, frame, text, {}});
  }
  bytes_ += picture_bytes_of(*observation);
  frames_.push_back(std::move(observation));
  evict();
}

void LiveFrames::set_room(std::size_t bytes) {
  room_ = bytes;
  evict();
}

void LiveFrames::evict() {
  while (bytes_ > room_ && first_with_pictures_ + 1 < count()) {
    auto& oldest = frames_[static_cast<std::size_t>(first_with_pictures_++)];
    bytes_ -= picture_bytes_of(*oldest);
    oldest = without_pictures(*oldest);
  }
}

ObservationPtr LiveFrames::observation(qint64 frame) const {
  return frame >= 0 && frame < count() ? frames_[static_cast<std::size_t>(frame)] : nullptr;
}

}  // namespace deer
