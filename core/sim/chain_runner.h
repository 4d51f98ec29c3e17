// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <memory>
#include <stop_token>
#include <string>

#include "core/sim/benchmark.h"
#include "core/sim/chains.h"
#include "core/sim/play_table.h"

namespace deer {

/// Who acts on the table: a policy or a scripted expert. Used by one thread at a time.
class TableActor {
 public:
  virtual ~TableActor() = default;

  /// A new instruction: forget what went before.
  virtual void begin(const Task& task, const std::string& instruction, const TableState& start) = 0;

  /// The next relative action. Renders the table if it wants to see it, and adds what it cost to `account`.
  virtual std::array<double, 7> act(PlayTable& table, SubtaskResult& account) = 0;
};

/// The scripted expert of each task. It sees the state, not the pictures.
std::unique_ptr<TableActor> make_expert_actor();

/// Sets the table for a chain. Blocks are laid anew until every task that names one could be begun at
/// the start (a block to be pushed left must not lie at the left edge); what they are moved to
/// later is not foreseen, so that a chain may still become impossible, as in CALVIN.
void lay_table(PlayTable& table, const Chain& chain);

/// Sets a random table on which `task` can be begun. What it needs first (a block in the hand, a stack, a
/// block in the drawer) an expert does unseen. Throws Error if 50 tables did not suffice.
void lay_table_for(PlayTable& table, const Task& task, std::uint64_t seed);

/// CALVIN's protocol: one instruction after another, each for at most `max_steps` steps, until one
/// fails. The state is looked at after every step. Throws Cancelled, and what the actor throws.
ChainResult run_chain(PlayTable& table, const Chain& chain, TableActor& actor, int max_steps = 360,
                      const std::stop_token& stop = {});

}  // namespace deer
