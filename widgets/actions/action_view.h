// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/base/frame_view.h"

class QLabel;
class QTableView;

namespace deer {

class ActionModel;

/// The seven action values of one frame at every exit, executed and recorded, in physical units.
class ActionView : public FrameView {
  Q_OBJECT

 public:
  explicit ActionView(Session* session, QWidget* parent = nullptr);

  ActionModel* model() const { return model_; }

 protected:
  void show_record(const FrameRecordPtr& record) override;

 private:
  QLabel* title_;
  QTableView* table_;
  ActionModel* model_;
};

}  // namespace deer
