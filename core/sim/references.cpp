// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/sim/references.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace deer {
namespace {

using Blocks = std::vector<std::size_t>;
using Found = std::optional<std::size_t>;
using M = ReferenceMargins;

double apart(const Vector3& a, const Vector3& b) { return std::hypot(a[0] - b[0], a[1] - b[1]); }

// What may be meant.
struct Candidates {
  const TableState& state;
  Blocks blocks;

  const Vector3& place(std::size_t block) const { return state.blocks[block].position; }
  std::ptrdiff_t count(BlockColour colour) const {
    return std::ranges::count(blocks, colour, [&](std::size_t i) { return state.looks[i].colour; });
  }
  template <typename Fits>
  Candidates where(const Fits& fits) const {
    Candidates out{state, {}};
    std::ranges::copy_if(blocks, std::back_inserter(out.blocks), fits);
    return out;
  }
  Candidates of(BlockColour colour) const {
    return where([&](std::size_t i) { return state.looks[i].colour == colour; });
  }
  Candidates small(bool wanted) const {
    return where([&](std::size_t i) { return state.looks[i].is_small() == wanted; });
  }
  Found only() const { return blocks.size() == 1 ? Found(blocks.front()) : std::nullopt; }

  // The one of least `value`, by a margin; `rank` 1: the second least. None among fewer than two.
  template <typename Value>
  Found least(const Value& value, double margin, std::size_t rank = 0) const {
    if (blocks.size() < rank + 2) return std::nullopt;
    auto sorted = blocks;
    std::ranges::sort(sorted, {}, value);
    for (std::size_t i = 0; i <= rank; ++i) {
      if (value(sorted[i + 1]) - value(sorted[i]) < margin) return std::nullopt;
    }
    return sorted[rank];
  }
  auto x(double sign) const {
    return [this, sign](std::size_t i) { return sign * place(i)[0]; };
  }
  auto distance(const Vector3& from, double sign = 1) const {
    return [this, from, sign](std::size_t i) { return sign * apart(place(i), from); };
  }
};

Found odd_one(const Candidates& all) {
  const auto single = all.where([&](std::size_t i) { return all.count(all.state.looks[i].colour) == 1; });
  return all.blocks.size() > 2 ? single.only() : std::nullopt;
}

Found next_to(const Candidates& all, BlockColour colour) {
  const auto landmark = all.of(colour).only();
  if (!landmark) return std::nullopt;
  const auto others = all.where([&](std::size_t i) { return i != *landmark; });
  const auto found = others.least(others.distance(all.place(*landmark)), M::kDistance);
  if (!found || apart(all.place(*found), all.place(*landmark)) > M::kBeside) return std::nullopt;
  return found;
}

Found in_between(const Candidates& all, BlockColour a, BlockColour b) {
  constexpr double kShortest = 0.15;  // m
  const auto first = all.of(a).only();
  const auto second = all.of(b).only();
  if (!first || !second) return std::nullopt;
  const Vector3& from = all.place(*first);
  const Vector3& to = all.place(*second);
  const double length = apart(from, to);
  if (length < kShortest) return std::nullopt;
  const std::array along = {(to[0] - from[0]) / length, (to[1] - from[1]) / length};
  Found found;
  for (const auto i : all.blocks) {
    if (i == *first || i == *second) continue;
    const std::array offset = {all.place(i)[0] - from[0], all.place(i)[1] - from[1]};
    const double part = (offset[0] * along[0] + offset[1] * along[1]) / length;
    const double aside = std::abs(offset[0] * along[1] - offset[1] * along[0]);
    if (part < -0.05 || part > 1.05 || aside > M::kOffLine) continue;
    if (found || part < 0.2 || part > 0.8 || aside > M::kOnLine) return std::nullopt;
    found = i;
  }
  return found;
}

Found one_of_two(const Candidates& all, BlockColour first, BlockColour second, bool on) {
  const auto a = all.of(first).only();
  const auto b = all.of(second).only();
  return a && b ? (on ? a : b) : std::nullopt;
}

Found among(const Candidates& all, const Reference& reference) {
  const auto [kind, a, b] = reference;
  const auto of = all.of(a);
  using enum Reference::Kind;
  switch (kind) {
    case colour:
      return of.only();
    case odd:
      return odd_one(all);
    case neither:
      if (all.count(a) == 0 || all.count(b) == 0) return std::nullopt;
      return all
          .where([&all, a = a, b = b](std::size_t i) {
            return all.state.looks[i].colour != a && all.state.looks[i].colour != b;
          })
          .only();
    case farthest:
      return all.least(all.distance(kArmBase, -1), M::kDistance);
    case farthest_of:
      return of.least(of.distance(kArmBase, -1), M::kDistance);
    case leftmost:
      return of.least(of.x(1), M::kSideways);
    case rightmost:
      return of.least(of.x(-1), M::kSideways);
    case smaller:
    case larger:
      return of.small(kind != smaller).blocks.empty() ? std::nullopt : of.small(kind == smaller).only();
    case beside:
      return next_to(all, a);
    case between:
      return in_between(all, a, b);
    case at_drawer:
      return all.least(all.distance({kDrawerMiddle[0], kTableFront, 0}), M::kDistance);
    case second_left:
    case second_right:
      return all.blocks.size() < 4 ? std::nullopt : all.least(all.x(kind == second_left ? 1 : -1), M::kSideways, 1);
    case if_bulb:
      return one_of_two(all, a, b, all.state.bulb_on);
    case if_led:
      return one_of_two(all, a, b, all.state.led_on);
  }
  return std::nullopt;
}

constexpr double kFallen = 0.2;  // m: a block below this has left the scene

Candidates all_seen(const TableState& state) {
  Candidates out{state, {}};
  for (std::size_t i = 0; i < state.count(); ++i) {
    if (!held_up(state, i) && state.blocks[i].position[2] > kFallen) out.blocks.push_back(i);
  }
  return out;
}

Candidates lying_free(const Candidates& seen) {
  return seen.where([&](std::size_t i) { return lies_free(seen.state, i); });
}

}  // namespace

const char* to_string(Difficulty difficulty) {
  constexpr std::array kNames = {"direct", "compare", "relation", "order", "condition", "memory"};
  return kNames.at(static_cast<std::size_t>(difficulty));
}

std::optional<std::size_t> referent(const Reference& reference, const TableState& state) {
  const auto seen = all_seen(state);
  const auto found = among(seen, reference);
  return found && among(lying_free(seen), reference) == found ? found : std::nullopt;
}

std::optional<std::pair<std::size_t, std::size_t>> pair_of(BlockColour colour, const TableState& state) {
  const auto seen = all_seen(state).of(colour);
  if (seen.blocks.size() != 2 || lying_free(seen).blocks.size() != 2) return std::nullopt;
  const auto left = seen.least(seen.x(1), ReferenceMargins::kSideways);
  if (!left) return std::nullopt;
  return std::pair(*left, seen.blocks[0] == *left ? seen.blocks[1] : seen.blocks[0]);
}

}  // namespace deer
