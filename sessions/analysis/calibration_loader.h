// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <filesystem>
#include <memory>
#include <optional>

#include "sessions/analysis/calibration_finder.h"
#include "sessions/threads/newest_task.h"

namespace deer {

/// A calibration set that was read, and a subsample of it for curves and quick answers.
struct LoadedCalibration {
  FoundCalibration found;
  std::shared_ptr<const PreparedCalibration> sample;
};

/// Reads calibration sets on a thread of its own; the newest request wins. GUI thread only; no call waits.
class CalibrationLoader : public QObject {
  Q_OBJECT

 public:
  explicit CalibrationLoader(QObject* parent = nullptr) : QObject(parent) {}

  void open(const std::filesystem::path& file);
  void find(const std::filesystem::path& model);  ///< find_calibration()
  void cancel();
  bool busy() const { return busy_; }

 Q_SIGNALS:
  void loaded(const deer::LoadedCalibration& calibration);
  void none_found();
  void failed(const QString& reason);

 private:
  template <typename Read>
  void start(Read read);

  bool busy_ = false;
  quint64 number_ = 0;
  NewestTask task_;
};

}  // namespace deer
