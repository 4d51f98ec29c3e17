// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>

#include "core/parity/comparison.h"

namespace deer {

/// Compares this program with golden data from the reference implementation. The folder's contents determine what is
/// compared:
///   inputs/outputs.safetensors and a model     the whole network and its rollouts
///   golden.safetensors and a CLIP archive      the vision tower
///   images.safetensors, random_shift.safetensors   preprocessing and augmentation
///   prompts.json                               the tokenizer
///   cases.json, cases.safetensors              the threshold solver
///   steps.json, batch.safetensors              the training, from the model there or in ../../tiny_<name>
/// A folder without any of these is searched one level down. `report` is called for each comparison
/// as it is made. Returns false if one failed. Throws Error if files are broken or nothing is found.
bool run_parity(const std::filesystem::path& folder, const ParityOptions& options,
                const std::function<void(const Comparison&)>& report);

}  // namespace deer
