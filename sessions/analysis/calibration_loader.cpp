// SPDX-License-Identifier: GPL-3.0-or-later
#include "sessions/analysis/calibration_loader.h"

namespace deer {
namespace {

constexpr std::int64_t kSample = 2000;  // samples with which the least error is found within a frame

}  // namespace

void CalibrationLoader::open(const std::filesystem::path& file) {
  start([file] {
    return std::optional<FoundCalibration>(
        {file, CalibrationOrigin::chosen, std::make_shared<const PreparedCalibration>(read_calibration(file))});
  });
}

void CalibrationLoader::find(const std::filesystem::path& model) {
  start([model] { return find_calibration(model); });
}

void CalibrationLoader::cancel() {
  ++number_;
  busy_ = false;
  task_.forget();
}

template <typename Read>
void CalibrationLoader::start(Read read) {
  busy_ = true;
  task_.ask([this, number = ++number_, read](const std::stop_token&) {
    const auto answer = [this, number](auto tell) {
      QMetaObject::invokeMethod(
          this,
          [this, number, tell = std::move(tell)] {
            if (number != number_) return;
            busy_ = false;
            tell();
          },
          Qt::QueuedConnection);
    };
    try {
      const auto found = read();
      if (!found) return answer([this] { Q_EMIT none_found(); });
      auto sample = std::make_shared<const PreparedCalibration>(found->set->subsample(kSample));
      answer([this, loaded = LoadedCalibration{*found, std::move(sample)}] { Q_EMIT this->loaded(loaded); });
    } catch (const std::exception& error) {
      answer([this, text = QString::fromUtf8(error.what())] { Q_EMIT failed(text); });
    }
  });
}

}  // namespace deer
