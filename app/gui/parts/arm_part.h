// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QByteArray>
#include <QImage>
#include <QObject>
#include <QWidget>
#include <filesystem>
#include <memory>

#include "app/gui/video/video_subject.h"
#include "sessions/session/session.h"

namespace deer {

class CommandTable;

/// The 3D view of the arm as a part of the window: the widget, its commands, what the layout keeps of it.
class ArmPart : public QObject {
  Q_OBJECT

 public:
  /// Null in a build without VTK. `window` owns it, and dialogs appear over it.
  static ArmPart* make(Session* session, QWidget* window);

  virtual QWidget* view() const = 0;  ///< to be put into a layout, which then owns it
  virtual void open_robot(const std::filesystem::path& urdf) = 0;
  virtual void add_commands(CommandTable* commands) = 0;
  virtual QByteArray save_state() const = 0;
  virtual void restore_state(const QByteArray& state) = 0;
  /// The arm as a video subject; null while it is not shown.
  virtual std::unique_ptr<VideoSubject> video_subject() = 0;

 Q_SIGNALS:
  void open_dataset_requested();
  void problem(const deer::Problem& problem);
  void warning(const deer::Problem& problem);                      ///< the robot is shown, but something is missing
  void picture_taken(const QImage& picture, const QString& path);  ///< to be saved there

 protected:
  using QObject::QObject;
};

}  // namespace deer
