// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <string>

namespace deer {

/// The name of the calibration set that a model brings along.
inline constexpr const char* kCalibrationFile = "calibration.safetensors";

/// 40 hexadecimal digits that tell a model folder (or file) from another, quickly also for models of many
/// gigabytes. SHA-1 over a line for each file that makes the model, sorted by relative path:
///
///     PATH SIZE SHA1\n
///
/// SHA1 is that of the whole file up to 64 MiB; of larger ones, of 1024 blocks of 64 KiB, the k-th at byte
/// floor(k * (SIZE - 65536) / 1023), one after another. Counted are config.json and files that end in .safetensors,
/// .pth, .pt, .bin or .index.json, in the folder and one folder below, but for
/// kCalibrationFile, which is made from the model. Two models that differ only between the
/// blocks of a large file look the same; training changes every block. Throws FileError if nothing counts.
std::string model_fingerprint(const std::filesystem::path& model);

}  // namespace deer
