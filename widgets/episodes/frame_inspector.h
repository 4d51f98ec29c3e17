// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/base/frame_view.h"

class QFormLayout;
class QLabel;

namespace deer {

class ExitDetails;
class StageBars;

/// Details of one frame: instruction, depth, reason, times, command.
class FrameInspector : public FrameView {
  Q_OBJECT

 public:
  explicit FrameInspector(Session* session, QWidget* parent = nullptr);

  /// Text of a field by its accessible name; empty if there is no such field.
  QString value(const QString& field) const;

 protected:
  void show_record(const FrameRecordPtr& record) override;

 private:
  void show_action(const FrameRecord& record);

  QLabel* title_;
  QLabel* frame_id_;
  QLabel* time_;
  QLabel* instruction_;
  QLabel* depth_;
  QLabel* reason_;
  QLabel* step_;
  QLabel* gripper_;
  QLabel* move_;
  QLabel* turn_;
  QLabel* action_;  ///< of other layouts than DeeR's
  QLabel* chunk_;
  QFormLayout* form_;
  ExitDetails* exit_;
  StageBars* stages_;
};

}  // namespace deer
