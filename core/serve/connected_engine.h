// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "core/exits/engine.h"
#include "core/serve/remote_engine.h"

namespace deer {

/// A model on a server as if it were here: steps and attention are computed there, replays here, with the model's own
/// action heads, which are fetched once and kept below `cache` (keep_heads()). On the same kind of processor a replay
/// gives what the server would have given, bit for bit.
///
/// Its summary's path is the folder with the heads, its device says at which address. set_policy() and reset() do not
/// wait for the network: the policy is checked here, by the heads, and the server has it from the next step on.
/// `options.lazy` and `options.features` are set here.
///
/// Throws Error if no server answers, the token is wrong, or the server sends no heads or others than its model has;
/// Cancelled on `stop`.
std::unique_ptr<Engine> connect_engine(const std::string& address, RemoteOptions options,
                                       const std::filesystem::path& cache, const ProgressCallback& progress = {},
                                       std::stop_token stop = {});

/// What is said of a server that sends no action heads.
std::string no_heads_text(const std::string& address);

}  // namespace deer
