// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <vector>

namespace deer::cli {

// Each function adds one subcommand with options and help. A failing command throws deer::Error; a comparison that
// fails (parity) throws CLI::RuntimeError with the exit status.
void add_attention(CLI::App& app);
void add_bench(CLI::App& app);
void add_calibrate(CLI::App& app);
void add_convert(CLI::App& app);
void add_demos(CLI::App& app);
void add_eval(CLI::App& app);
void add_gate(CLI::App& app);
void add_info(CLI::App& app);
void add_merge(CLI::App& app);
void add_parity(CLI::App& app);
void add_replay(CLI::App& app);
void add_run(CLI::App& app);
void add_serve(CLI::App& app);
void add_solve(CLI::App& app);
void add_study(CLI::App& app);
void add_trace(CLI::App& app);
void add_train(CLI::App& app);
void add_tune(CLI::App& app);

/// Results of deer eval's slices as one file, equal to those of a run without slices but for times and memory. Throws
/// Error if the slices are of different evaluations, or if one is missing.
void merge_evaluations(const std::filesystem::path& out, const std::vector<std::string>& parts);

/// The calibration set that deer calibrate would have written without slices. Throws as above.
void merge_calibrations(const std::filesystem::path& out, const std::vector<std::string>& parts);

}  // namespace deer::cli
