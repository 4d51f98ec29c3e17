// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/rollouts.h"

#include <cstdio>
#include <random>

namespace deer::serve {
namespace {

std::string random_name() {
  std::random_device random;
  std::string out;
  for (int i = 0; i < 4; ++i) {
    char part[9];
    std::snprintf(part, sizeof part, "%08x", random());
    out += part;
  }
  return out;
}

}  // namespace

std::string Rollouts::add(ServedRolloutPtr rollout) {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  std::erase_if(entries_, [&](const auto& one) { return now - one.second.used > idle_; });
  if (entries_.size() >= most_) return {};
  auto name = random_name();
  entries_[name] = {std::move(rollout), now};
  return name;
}

ServedRolloutPtr Rollouts::find(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return nullptr;
  found->second.used = Clock::now();
  return found->second.rollout;
}

bool Rollouts::remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  return entries_.erase(name) > 0;
}

std::size_t Rollouts::count() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace deer::serve
