// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/debug/event_store.h"

#include <algorithm>

namespace deer {
namespace {

bool earlier(const FrameEvent& a, const FrameEvent& b) {
  return a.frame != b.frame ? a.frame < b.frame : a.kind < b.kind;
}

}  // namespace

qint64 EventStore::Block::count(EventKinds kinds) const {
  qint64 sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) sum += (kinds >> i & 1U) != 0 ? counts[i] : 0;
  return sum;
}

void EventStore::Block::recount() {
  counts.fill(0);
  for (const auto* const list : {&found, &happened}) {
    for (const auto& event : *list) ++counts[static_cast<std::size_t>(event.kind)];
  }
}

void EventStore::reset(qint64 frames) {
  blocks_.clear();
  texts_.clear();
  stale_ = true;
  grow(frames);
}

void EventStore::grow(qint64 frames) {
  const auto blocks = static_cast<std::size_t>((frames + kBlock - 1) / kBlock);
  if (blocks <= blocks_.size()) return;
  blocks_.resize(blocks);
  stale_ = true;
}

void EventStore::replace(qint64 first, qint64 count, std::span<const FrameEvent> events) {
  const qint64 end = first + count;
  auto next = events.begin();
  for (auto block = first / kBlock; block * kBlock < end && block < static_cast<qint64>(blocks_.size()); ++block) {
    auto& one = blocks_[static_cast<std::size_t>(block)];
    const auto from = std::max(first, block * kBlock), to = std::min(end, (block + 1) * kBlock);
    const auto at = [](const FrameEvent& event, qint64 frame) { return event.frame < frame; };
    const auto begin = std::lower_bound(one.found.begin(), one.found.end(), from, at);
    const auto stop = std::lower_bound(begin, one.found.end(), to, at);
    const auto last = std::lower_bound(next, events.end(), to, at);
    one.found.insert(one.found.erase(begin, stop), next, last);
    next = last;
    one.recount();
  }
  stale_ = true;
}

void EventStore::add(FrameEvent event, const QString& text) {
  if (blocks_.empty()) blocks_.resize(1);
  event.frame = std::clamp<std::int64_t>(event.frame, 0, static_cast<qint64>(blocks_.size()) * kBlock - 1);
  if (!text.isEmpty()) {
    event.text = static_cast<std::int32_t>(texts_.size());
    texts_.push_back(text);
  }
  auto& one = blocks_[static_cast<std::size_t>(event.frame / kBlock)];
  one.happened.insert(std::upper_bound(one.happened.begin(), one.happened.end(), event, earlier), event);
  one.recount();
  stale_ = true;
}

void EventStore::prepare(EventKinds kinds) const {
  if (!stale_ && kinds == kinds_) return;
  kinds_ = kinds;
  stale_ = false;
  first_rows_.assign(1, 0);
  for (const auto& block : blocks_) first_rows_.push_back(first_rows_.back() + block.count(kinds));
  shown_block_ = blocks_.size();
}

const std::vector<FrameEvent>& EventStore::shown(EventKinds kinds, std::size_t block) const {
  if (shown_block_ == block) return shown_;
  shown_block_ = block;
  shown_.clear();
  const auto& one = blocks_[block];
  std::merge(one.found.begin(), one.found.end(), one.happened.begin(), one.happened.end(), std::back_inserter(shown_),
             earlier);
  std::erase_if(shown_, [&](const FrameEvent& event) { return (kinds & kind_bit(event.kind)) == 0; });
  return shown_;
}

qint64 EventStore::count(EventKinds kinds) const {
  prepare(kinds);
  return first_rows_.back();
}

FrameEvent EventStore::at(EventKinds kinds, qint64 row) const {
  prepare(kinds);
  const auto after = std::upper_bound(first_rows_.begin(), first_rows_.end(), row);
  const auto block = static_cast<std::size_t>(after - first_rows_.begin()) - 1;
  return shown(kinds, block)[static_cast<std::size_t>(row - first_rows_[block])];
}

qint64 EventStore::row_of(EventKinds kinds, qint64 frame) const {
  prepare(kinds);
  const auto block = static_cast<std::size_t>(std::max<qint64>(frame, 0) / kBlock);
  if (block >= blocks_.size()) return first_rows_.back();
  const auto& events = shown(kinds, block);
  const auto place = std::lower_bound(events.begin(), events.end(), frame,
                                      [](const FrameEvent& event, qint64 at) { return event.frame < at; });
  return first_rows_[block] + (place - events.begin());
}

QString EventStore::text(const FrameEvent& event) const {
  return event.text < 0 ? QString() : texts_[static_cast<std::size_t>(event.text)];
}

}  // namespace deer
