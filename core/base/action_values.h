// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace deer {

/// The numbers of one action, as an ActionLayout orders them. A value: as many as DeeR's action has lie inside, more
/// of them in a block that copies share. Numbers are not changed once they are there. Reading is thread-safe.
class ActionValues {
 public:
  static constexpr std::size_t kInside = 7;

  ActionValues() = default;
  explicit ActionValues(std::span<const float> values) : size_(static_cast<std::uint32_t>(values.size())) {
    if (values.size() <= kInside) {
      std::copy(values.begin(), values.end(), inside_.begin());
    } else {
      const std::shared_ptr<float[]> block(new float[values.size()]);
      std::copy(values.begin(), values.end(), block.get());
      shared_ = std::shared_ptr<const float>(block, block.get());
    }
  }
  /// `count` numbers of a block from `first` on. Keeps the block, unless they fit inside.
  ActionValues(const std::shared_ptr<const float[]>& block, std::size_t first, std::size_t count)
      : size_(static_cast<std::uint32_t>(count)) {
    if (count <= kInside) {
      std::copy_n(block.get() + first, count, inside_.begin());
    } else {
      shared_ = std::shared_ptr<const float>(block, block.get() + first);
    }
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const float* data() const { return shared_ ? shared_.get() : inside_.data(); }
  const float* begin() const { return data(); }
  const float* end() const { return data() + size_; }
  float operator[](std::size_t i) const { return data()[i]; }

  bool operator==(const ActionValues& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }

 private:
  std::uint32_t size_ = 0;
  std::array<float, kInside> inside_{};
  std::shared_ptr<const float> shared_;
};

/// An action of DeeR's layout: six arm values and the probability of opening, or of a command +1 or -1.
inline ActionValues deer_action(std::span<const float, 6> arm, float gripper) {
  std::array<float, 7> all{};
  std::copy(arm.begin(), arm.end(), all.begin());
  all[6] = gripper;
  return ActionValues(all);
}

}  // namespace deer
