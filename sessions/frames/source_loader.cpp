// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/frames/source_loader.h"

#include <algorithm>

namespace deer {
namespace {

constexpr std::size_t kMostWanted = 256;  // requests kept; scrubbing past more forgets the oldest
constexpr std::size_t kMostReading = 2;   // one is read while the answer of the one before is on its way
constexpr qint64 kAhead = 16;
constexpr qint64 kBehind = 4;

}  // namespace

ObservationPtr FrameCache::get(qint64 frame) {
  const auto it = index_.find(frame);
  if (it == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, it->second);
  return it->second->second;
}

void FrameCache::put(qint64 frame, ObservationPtr observation) {
  if (const auto it = index_.find(frame); it != index_.end()) {
    bytes_ -= size_of(*it->second->second);
    entries_.erase(it->second);
    index_.erase(it);
  }
  bytes_ += size_of(*observation);
  entries_.emplace_front(frame, std::move(observation));
  index_[frame] = entries_.begin();
  evict();
}

void FrameCache::clear() {
  entries_.clear();
  index_.clear();
  bytes_ = 0;
}

void FrameCache::set_room(std::size_t bytes) {
  room_ = bytes;
  evict();
}

void FrameCache::evict() {
  while (bytes_ > room_ && entries_.size() > 1) {
    bytes_ -= size_of(*entries_.back().second);
    index_.erase(entries_.back().first);
    entries_.pop_back();
  }
}

std::size_t FrameCache::size_of(const Observation& observation) {
  std::size_t bytes = sizeof(Observation) + observation.instruction.size();
  if (observation.rgb_static) bytes += observation.rgb_static->rgb.size();
  if (observation.rgb_gripper) bytes += observation.rgb_gripper->rgb.size();
  return bytes;
}

SourceLoader::SourceLoader(QObject* parent) : QObject(parent), cache_(kDefaultCacheBytes) {}

void SourceLoader::set_source(FrameSourcePtr source) {
  length_ = source ? source->length().value_or(0) : 0;
  cache_.clear();
  problems_.clear();
  source_ = std::move(source);
  ++epoch_;
  wanted_.clear();
  ahead_.clear();
  reading_.clear();
}

ObservationPtr SourceLoader::observation(qint64 frame) {
  if (frame < 0 || frame >= length_) return nullptr;
  if (auto hit = cache_.get(frame)) return hit;
  if (const auto found = problems_.find(frame); found != problems_.end()) return found->second.observation;
  if (reading_.contains(frame)) return nullptr;
  std::erase(wanted_, frame);
  wanted_.push_front(frame);
  if (wanted_.size() > kMostWanted) wanted_.pop_back();
  read_next();
  return nullptr;
}

ObservationPtr SourceLoader::peek(qint64 frame) const {
  const auto found = problems_.find(frame);
  return found == problems_.end() ? cache_.get(frame) : found->second.observation;
}

QString SourceLoader::problem(qint64 frame) const {
  const auto it = problems_.find(frame);
  return it == problems_.end() ? QString() : it->second.problem;
}

void SourceLoader::look_ahead(qint64 frame, int direction) {
  std::deque<qint64> frames;
  const auto add = [&](qint64 f) {
    const bool known = cache_.contains(f) || problems_.contains(f) || reading_.contains(f);
    if (f >= 0 && f < length_ && !known) frames.push_back(f);
  };
  const int forward = direction < 0 ? -1 : 1;
  for (qint64 i = 1; i <= kAhead; ++i) add(frame + forward * i);
  for (qint64 i = 1; i <= kBehind; ++i) add(frame - forward * i);
  ahead_ = std::move(frames);
  read_next();
}

void SourceLoader::set_cache_bytes(std::size_t bytes) { cache_.set_room(bytes); }

void SourceLoader::read_next() {
  while (source_ && reading_.size() < kMostReading && !(wanted_.empty() && ahead_.empty())) {
    auto& next = wanted_.empty() ? ahead_ : wanted_;
    const auto frame = next.front();
    next.pop_front();
    std::erase(ahead_, frame);
    reading_.insert(frame);
    queue_.post([source = source_, frame] { return read(*source, frame); },
                [this, epoch = epoch_, frame](Read read) { take(epoch, frame, std::move(read)); },
                [this, epoch = epoch_, frame](const QString& problem) {
                  take(epoch, frame, {nullptr, problem});
                });
  }
}

SourceLoader::Read SourceLoader::read(FrameSource& source, qint64 frame) {
  try {
    return {source.read(frame), {}};
  } catch (const std::exception& error) {
    // A broken picture costs no numbers.
    Read out{nullptr, QString::fromUtf8(error.what())};
    try {
      out.observation = source.read_state(frame);
    } catch (const std::exception&) {
      // Neither can be read: the first message says why.
    }
    return out;
  }
}

void SourceLoader::take(quint64 epoch, qint64 frame, Read read) {
  if (epoch != epoch_) return;
  reading_.erase(frame);
  read_next();
  if (read.observation && read.problem.isEmpty()) {
    cache_.put(frame, std::move(read.observation));
  } else {
    if (read.problem.isEmpty()) read.problem = tr("The frame could not be read.");
    problems_[frame] = std::move(read);
  }
  Q_EMIT ready(frame);
}

}  // namespace deer
