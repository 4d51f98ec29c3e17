// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>
#include <filesystem>

#include "core/robot/arm_model.h"
#include "core/robot/joint_columns.h"
#include "sessions/session/session.h"
#include "sessions/threads/task_queue.h"
#include "widgets/arm/arm_canvas.h"
#include "widgets/arm/arm_frames.h"
#include "widgets/base/empty_state.h"

class QStackedLayout;
class QTimer;
class QToolButton;

namespace deer {

/// The arm of the hovered or current frame in 3D: its pose, the next step of every exit, its past and future path.
/// Follows the session and combines changes into one refresh per iteration of the event loop.
class ArmView : public QWidget {
  Q_OBJECT
  Q_PROPERTY(bool settled READ is_settled)

 public:
  /// `session` must outlive the view. `urdf` is read at once; if that fails, the view says why.
  ArmView(Session* session, const std::filesystem::path& urdf, QWidget* parent = nullptr);
  ~ArmView() override;

  ArmCanvas* canvas() const { return canvas_; }
  EmptyState* empty_state() const { return empty_; }
  bool is_empty() const;

  void set_preset(ArmCamera::Preset preset) { canvas_->set_preset(preset); }
  double step_scale() const { return scale_; }
  void set_step_scale(double scale);  ///< one of ArmFrames::kScales

  /// Loads another robot in the background; robot_changed() or robot_failed() follows. The newest request wins.
  void open_robot(const std::filesystem::path& urdf);
  bool is_settled() const { return !loading_robot_; }  ///< no robot is being read
  const ArmModelPtr& model() const { return model_; }

  /// Scale and camera, for the layout; restore_state() ignores unknown values.
  QByteArray save_state() const;
  void restore_state(const QByteArray& state);

  static QString preset_name(ArmCamera::Preset preset);
  static QString scale_name(double scale);

 Q_SIGNALS:
  void open_dataset_requested();
  void robot_changed();
  void robot_failed(const deer::Problem& problem);
  void settings_changed();   ///< preset or scale
  void picture_requested();  ///< from the menu: save it
  void robot_requested();    ///< from the menu: open one

 protected:
  void showEvent(QShowEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void contextMenuEvent(QContextMenuEvent* event) override;

 private:
  void refresh_later();
  void refresh();
  void show_empty(EmptyState::Icon icon, const QString& sentence, const QString& action = {},
                  const QString& details = {});
  void build_buttons();
  void place_buttons();
  qint64 shown_frame() const;
  bool has_pose() const;  ///< the actions are motions of the hand
  void match_joints();
  bool show_joints(qint64 frame);  ///< false: the recording has no joints of this robot

  Session* session_;
  ArmFrames* frames_;
  JointColumns columns_;  ///< of the recording's state, for this robot
  ArmModelPtr model_;
  QString model_problem_;
  quint64 robot_request_ = 0;
  double scale_ = 5;
  QStackedLayout* stack_;
  EmptyState* empty_;
  ArmCanvas* canvas_;
  QToolButton* preset_button_ = nullptr;
  QToolButton* scale_button_ = nullptr;
  QTimer* pending_;
  bool loading_robot_ = false;
  TaskQueue files_;
};

}  // namespace deer
