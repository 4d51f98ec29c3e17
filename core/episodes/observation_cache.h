// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>

#include "core/episodes/frame_source.h"

namespace deer {

/// Memory used by an observation in bytes, images included.
std::size_t observation_bytes(const Observation& observation);

/// The most recently used observations of one source, at most `capacity` bytes of them. Not
/// thread-safe: its owner locks.
class ObservationCache {
 public:
  explicit ObservationCache(std::size_t capacity) : capacity_(capacity) {}

  /// Null if not cached. Counts as a use.
  ObservationPtr find(std::int64_t index);
  bool contains(std::int64_t index) const { return entries_.contains(index); }

  /// Evicts the least recently used until it fits; an observation larger than the capacity is not cached.
  void insert(std::int64_t index, ObservationPtr observation);

  std::size_t bytes() const { return bytes_; }
  std::size_t capacity() const { return capacity_; }
  std::size_t count() const { return entries_.size(); }

 private:
  struct Entry {
    std::int64_t index;
    std::size_t bytes;
    ObservationPtr observation;
  };

  void erase(std::list<Entry>::iterator entry);

  std::size_t capacity_;
  std::size_t bytes_ = 0;
  std::list<Entry> order_;  // most recently used first
  std::unordered_map<std::int64_t, std::list<Entry>::iterator> entries_;
};

}  // namespace deer
