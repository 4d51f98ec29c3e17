// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <functional>
#include <memory>
#include <vector>

#include "app/gui/dialogs/video_dialog.h"

class QProgressDialog;

namespace deer {

class CommandTable;

/// Video export as a part of the window: dialog, progress and result.
class VideoPart : public QObject {
  Q_OBJECT

 public:
  /// Called when the dialog opens; null: not available now.
  using SubjectMaker = std::function<std::unique_ptr<VideoSubject>()>;

  /// `window` owns it, and dialogs appear over it.
  VideoPart(Session* session, QWidget* window);

  void add_subject(SubjectMaker maker) { makers_.push_back(std::move(maker)); }
  void add_commands(CommandTable* commands, const QString& menu);

  void ask();
  void start(std::unique_ptr<VideoSubject> subject, const VideoExport::Plan& plan);
  const VideoExport* running() const { return export_; }  ///< null if none is

 Q_SIGNALS:
  void running_changed();
  void note(const deer::Problem& note);
  void problem(const deer::Problem& problem);

 private:
  bool can_export() const;
  void show_progress();
  void end();

  Session* session_;
  QWidget* window_;
  std::vector<SubjectMaker> makers_;
  QString folder_;  // chosen last
  VideoExport* export_ = nullptr;
  QProgressDialog* progress_ = nullptr;
};

}  // namespace deer
