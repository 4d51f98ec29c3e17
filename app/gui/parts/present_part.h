// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QPointer>
#include <QWidget>
#include <memory>

#include "app/gui/video/video_subject.h"
#include "core/exits/frame_record.h"
#include "sessions/session/session.h"

namespace deer {

class CommandTable;
class PresentFeed;
class PresentView;
class RunSummary;

/// Present mode as a part of the window: a stage over everything in it, on the whole screen. The window's keys keep
/// working below it; Esc closes it.
class PresentPart : public QObject {
  Q_OBJECT

 public:
  /// `window` owns it.
  PresentPart(Session* session, QWidget* window);

  bool active() const { return view_ != nullptr; }
  void enter(bool full_screen = true);
  void leave();
  PresentView* view() const { return view_; }  ///< null while not active

  void add_commands(CommandTable* commands, const QString& menu);
  /// The stage as a video subject.
  std::unique_ptr<VideoSubject> video_subject();

 Q_SIGNALS:
  void active_changed(bool active);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  Session* session_;
  QWidget* window_;
  RunSummary* summary_;
  PresentView* view_ = nullptr;
  PresentFeed* feed_ = nullptr;
  bool fills_screen_ = false;             // because of the stage
  RunMode mode_before_ = RunMode::probe;  // of live runs
  QPointer<QWidget> focus_before_;
  QList<QPointer<QWidget>> hidden_;  // floating panels
};

}  // namespace deer
