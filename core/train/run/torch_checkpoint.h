// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>

#include "core/base/json_file.h"
#include "core/train/method/trainable_model.h"

namespace deer {

/// Writes a dictionary like torch.save: `fields` (numbers, texts, booleans) at the top level and `tensors` as the
/// OrderedDict "model_state_dict". torch.load and TensorArchive read it. Replaces the file atomically. Throws
/// FileError; Error if a tensor holds 4 GB or more.
void write_torch_checkpoint(const std::filesystem::path& path, const Json& fields, const ParameterMap& tensors);

/// The trained model under the reference's names: parameters without the vision tower, prefixed with "module.", and the
/// fields its evaluation reads. `average` overrides parameters.
void save_reference_checkpoint(const std::filesystem::path& path, const TrainableModel& model,
                               const ParameterMap& average = {}, std::int64_t epoch = 0);

}  // namespace deer
