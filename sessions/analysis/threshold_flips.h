// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QString>
#include <QTimer>
#include <filesystem>
#include <memory>
#include <vector>

#include "core/exits/exit_policy.h"
#include "sessions/frames/exit_flip.h"
#include "sessions/threads/task_queue.h"

namespace deer {

class Session;

/// A second set of thresholds to compare with the active ones, and the frames whose exit changes under it: exact, by
/// replay in the background. GUI thread only.
class ThresholdFlips : public QObject {
  Q_OBJECT

 public:
  explicit ThresholdFlips(Session* session, QObject* parent = nullptr);

  // The second set; each answers with changed(), and problem_text() if it does not fit.
  void keep_present();
  void use_suggested();
  void open(const std::filesystem::path& file);  ///< what read_thresholds() takes, read in the background
  void clear();

  QString label() const { return label_; }            ///< empty: there is no second set
  const ExitPolicy& other() const { return other_; }  ///< of which criterion, thresholds and depth limit count
  QString problem_text() const { return problem_; }
  bool comparing() const { return comparing_; }
  const std::vector<ExitFlip>& flips() const { return *flips_; }
  qint64 compared_frames() const { return compared_frames_; }

 Q_SIGNALS:
  void changed();

 private:
  void use(ExitPolicy other, const QString& label);
  void fail(const QString& problem);
  void compare_now();

  Session* session_;
  ExitPolicy other_;
  QString label_;
  QString problem_;
  bool comparing_ = false;
  qint64 compared_frames_ = 0;
  std::shared_ptr<const std::vector<ExitFlip>> flips_;
  QTimer later_;
  TaskQueue files_;
};

}  // namespace deer
