// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QSize>
#include <array>
#include <filesystem>

#include "sessions/race/race.h"

class QWidget;

namespace deer {

class VideoEncoder;

/// A race as a video while it runs: a picture of its view for each step, and the end for two seconds. Ends by itself
/// with the race, with one of finished() and failed(). GUI thread.
class RaceVideo : public QObject {
  Q_OBJECT

 public:
  static constexpr double kFramesPerSecond = 15;  ///< half the speed of the simulated world

  /// To be made before the race is started. `race` and `view` must outlive it, or it be destroyed first: then nothing
  /// stays of the file.
  RaceVideo(const Race* race, QWidget* view, std::filesystem::path file, QObject* parent = nullptr);

  const std::filesystem::path& file() const { return file_; }
  int pictures() const { return pictures_; }

 Q_SIGNALS:
  void finished();
  void failed(const QString& message);

 private:
  void look();
  void take(int times);

  const Race* race_;
  QWidget* view_;
  const std::filesystem::path file_;
  QSize pixels_;
  VideoEncoder* encoder_;
  std::array<int, Race::kSides> steps_{};  ///< in the newest picture
  int pictures_ = 0;
  bool over_ = false;
};

}  // namespace deer
