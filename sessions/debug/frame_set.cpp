// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/debug/frame_set.h"

#include <algorithm>
#include <bit>

namespace deer {
namespace {

std::size_t word_of(qint64 frame) { return static_cast<std::size_t>(frame / 64); }
std::uint64_t bit_of(qint64 frame) { return std::uint64_t{1} << (frame % 64); }

}  // namespace

void FrameSet::reset(qint64 frames) {
  frames_ = std::max<qint64>(frames, 0);
  count_ = 0;
  words_.assign(static_cast<std::size_t>((frames_ + kBits - 1) / kBits), 0);
}

void FrameSet::grow(qint64 frames) {
  if (frames <= frames_) return;
  frames_ = frames;
  words_.resize(static_cast<std::size_t>((frames_ + kBits - 1) / kBits), 0);
}

bool FrameSet::contains(qint64 frame) const {
  return frame >= 0 && frame < frames_ && (words_[word_of(frame)] & bit_of(frame)) != 0;
}

void FrameSet::set(qint64 frame, bool in) {
  if (frame < 0 || frame >= frames_ || contains(frame) == in) return;
  words_[word_of(frame)] ^= bit_of(frame);
  count_ += in ? 1 : -1;
}

void FrameSet::assign(qint64 first, qint64 count, std::span<const qint64> members) {
  const qint64 end = std::min(first + count, frames_);
  for (auto at = next(first - 1); at && *at < end; at = next(*at)) set(*at, false);
  for (const auto frame : members) set(frame, true);
}

void FrameSet::unite(const FrameSet& other) {
  count_ = 0;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    if (i < other.words_.size()) words_[i] |= other.words_[i];
    count_ += std::popcount(words_[i]);
  }
}

std::optional<qint64> FrameSet::next(qint64 frame) const {
  qint64 at = std::max<qint64>(frame + 1, 0);
  if (at >= frames_) return std::nullopt;
  auto word = word_of(at);
  auto bits = words_[word] & (~std::uint64_t{0} << (at % kBits));
  while (bits == 0) {
    if (++word == words_.size()) return std::nullopt;
    bits = words_[word];
  }
  return static_cast<qint64>(word) * kBits + std::countr_zero(bits);
}

std::optional<qint64> FrameSet::previous(qint64 frame) const {
  const qint64 at = std::min(frame - 1, frames_ - 1);
  if (at < 0) return std::nullopt;
  auto word = word_of(at);
  auto bits = words_[word] & (~std::uint64_t{0} >> (kBits - 1 - at % kBits));
  while (bits == 0) {
    if (word-- == 0) return std::nullopt;
    bits = words_[word];
  }
  return static_cast<qint64>(word) * kBits + (kBits - 1 - std::countl_zero(bits));
}

std::optional<qint64> FrameSet::nearest(qint64 frame, qint64 reach) const {
  const auto before = previous(frame + 1), after = next(frame - 1);
  const bool early = before && frame - *before <= reach, late = after && *after - frame <= reach;
  if (early && (!late || frame - *before <= *after - frame)) return before;
  return late ? after : std::nullopt;
}

std::vector<qint64> FrameSet::members() const {
  std::vector<qint64> out;
  out.reserve(static_cast<std::size_t>(count_));
  for (auto at = next(-1); at; at = next(*at)) out.push_back(*at);
  return out;
}

}  // namespace deer
