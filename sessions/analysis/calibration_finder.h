// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <filesystem>
#include <memory>
#include <optional>

#include "core/budget/prepared_calibration.h"

namespace deer {

/// How a calibration set came to be open.
enum class CalibrationOrigin {
  chosen,        ///< a person opened it
  in_model,      ///< it lies in the model's folder
  beside_model,  ///< it lies in the folder that holds the model
};

struct FoundCalibration {
  std::filesystem::path file;
  CalibrationOrigin origin = CalibrationOrigin::chosen;
  std::shared_ptr<const PreparedCalibration> set;
};

/// The calibration.safetensors in a model's folder, or else beside it, that was made with this very model, by its
/// fingerprint. In the model's folder one that says of no model what it was made with counts too. Nothing if there is
/// none. Throws FileError if the one in the model's folder cannot be read. Reads a disk: not for the GUI thread.
std::optional<FoundCalibration> find_calibration(const std::filesystem::path& model);

/// "calibration.safetensors, found beside the model".
QString describe_calibration(const std::filesystem::path& file, CalibrationOrigin origin);

}  // namespace deer
