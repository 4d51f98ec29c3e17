// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/calibration_finder.h"

#include <QCoreApplication>

#include "core/base/error.h"
#include "core/model/model_fingerprint.h"
#include "sessions/base/paths.h"

namespace deer {
namespace {

namespace fs = std::filesystem;

/// Null if it was made with another model.
std::shared_ptr<const PreparedCalibration> read_if_of(const fs::path& file, const fs::path& model, bool without_hash) {
  auto set = read_calibration(file);
  const auto hash = set.provenance.find("model_hash");
  const bool has_hash = hash != set.provenance.end() && !hash->second.empty();
  if (has_hash ? hash->second != model_fingerprint(model) : !without_hash) return nullptr;
  return std::make_shared<const PreparedCalibration>(std::move(set));
}

}  // namespace

std::optional<FoundCalibration> find_calibration(const fs::path& model) {
  if (model.empty()) return std::nullopt;
  std::error_code error;
  auto folder = fs::absolute(model, error).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // a slash at the end
  if (const auto file = folder / kCalibrationFile; fs::is_regular_file(file, error)) {
    if (auto set = read_if_of(file, folder, true)) {
      return FoundCalibration{file, CalibrationOrigin::in_model, std::move(set)};
    }
  }
  const auto file = folder.parent_path() / kCalibrationFile;
  if (!fs::is_regular_file(file, error)) return std::nullopt;
  try {
    if (auto set = read_if_of(file, folder, false)) {
      return FoundCalibration{file, CalibrationOrigin::beside_model, std::move(set)};
    }
  } catch (const Error&) {
    // What lies there need not have to do with the model.
  }
  return std::nullopt;
}

QString describe_calibration(const fs::path& file, CalibrationOrigin origin) {
  const auto name = to_qstring(file.filename());
  const auto text = [](const char* what) { return QCoreApplication::translate("deer::Budget", what); };
  switch (origin) {
    case CalibrationOrigin::in_model:
      return text(QT_TRANSLATE_NOOP("deer::Budget", "%1, found in the model’s folder")).arg(name);
    case CalibrationOrigin::beside_model:
      return text(QT_TRANSLATE_NOOP("deer::Budget", "%1, found beside the model")).arg(name);
    case CalibrationOrigin::chosen:
      break;
  }
  return name;
}

}  // namespace deer
