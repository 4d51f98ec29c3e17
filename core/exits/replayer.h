// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <span>
#include <stop_token>

#include "core/exits/replay.h"
#include "core/model/multi_exit_model.h"

namespace deer {

/// Engine::replay_many() and Engine::replayer().
void replay_many(const MultiExitModel& model, const ReplayFrames& frames, std::span<const ExitPolicy> policies,
                 const ReplaySink& sink, const std::stop_token& stop);
std::unique_ptr<Replayer> make_replayer(const MultiExitModel& model, ReplayFrames frames);

}  // namespace deer
