// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/sim/play_table.h"
#include "core/sim/tasks.h"

namespace deer {

/// What matters of a table for the question which task may follow which (CALVIN's multistep_sequences.py).
struct SymbolicTable {
  enum class Place : std::uint8_t { table, drawer, held, stack_top, stack_bottom };

  bool slider_left = false;
  bool drawer_open = false;
  bool bulb_on = false;
  bool led_on = false;
  std::array<Place, 3> blocks{};  ///< red, blue, pink

  explicit SymbolicTable(const InitialTable& initial = {});
  bool operator==(const SymbolicTable&) const = default;
};

/// The tables that `task` may leave behind; none if it cannot be asked for. Several where the task
/// leaves a choice: which block to stack on.
///
/// A block taken from a stack is still held when the oracle is content, so that, unlike CALVIN, it must be
/// put somewhere next. Blocks in or on something else can only be taken from there.
std::vector<SymbolicTable> outcomes(const SymbolicTable& before, const Task& task);

/// Instructions to be carried out one after another.
struct Chain {
  int index = 0;
  std::uint64_t seed = 0;  ///< for everything that is drawn while it runs
  InitialTable initial;
  std::vector<const Task*> tasks;
  std::vector<std::string> instructions;  ///< one phrasing of each
};

struct ChainOptions {
  std::vector<const Task*> tasks;  ///< to draw from; empty: all
  int length = 5;
};

/// The first `count` chains of `seed`; chain i does not depend on how many there are. Every 16 chains
/// begin once with each InitialTable, as far as the tasks allow.
///
/// Each task is possible after those before it, whatever they left open. As in CALVIN, no two of a
/// chain are of one sort (turn, push, door, drawer, lift, place, lamp, stack, unstack; lifting from the
/// drawer is a sort of its own here, where no block begins in it). If the tasks are too few for that,
/// only the immediate repetition of a task is ruled out. Throws Error if there is no chain at all.
std::vector<Chain> draw_chains(int count, std::uint64_t seed, const ChainOptions& options = {});

/// Another seed from a seed and a number: what is drawn from the two is unrelated (SplitMix64).
std::uint64_t derived_seed(std::uint64_t seed, std::uint64_t number);

}  // namespace deer
