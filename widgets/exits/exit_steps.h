// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>

#include "core/budget/cost_model.h"
#include "core/budget/frame_steps.h"
#include "widgets/base/frame_view.h"

class QFormLayout;
class QLabel;
class QTableView;

namespace deer {

class ExitStepsModel;

/// Exits of one frame: change, output, decision and cost of each, and the next exit's output. The current row is the
/// session's selected exit, or the exit taken if none is selected.
class ExitSteps : public FrameView {
  Q_OBJECT

 public:
  explicit ExitSteps(Session* session, QWidget* parent = nullptr);

  ExitStepsModel* model() const { return model_; }
  QTableView* table() const { return table_; }
  int current_row() const;
  /// Text of a field of the current row by its accessible name; empty if there is no such field.
  QString value(const QString& field) const;

 public Q_SLOTS:
  void step_exit(int rows);  ///< deeper for rows > 0; stays inside the table

 protected:
  void show_record(const FrameRecordPtr& record) override;

 private:
  void show_row();
  QString next_text(const FrameStep& step, int row) const;
  QString action_text(const FrameStep& step) const;
  QString gripper_text(const FrameStep& step) const;

  QLabel* title_;
  QTableView* table_;
  ExitStepsModel* model_;
  std::optional<CostModel> costs_;
  bool setting_ = false;  ///< the row is being set from the session

  QLabel* decision_;
  QLabel* hidden_;
  QLabel* action_;
  QLabel* gripper_;
  QLabel* cost_;
  QLabel* next_;
};

}  // namespace deer
