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

/// Steps into one frame: what each exit saw, said and decided, what it had cost by then, and what the next would have
/// said. The row is the session's selected exit, and the one taken if none is.
class ExitSteps : public FrameView {
  Q_OBJECT

 public:
  explicit ExitSteps(Session* session, QWidget* parent = nullptr);

  ExitStepsModel* model() const { return model_; }
  QTableView* table() const { return table_; }
  int current_row() const;
  /// Text of a field of the current row by its accessible name; empty if there is none of that name.
  QString value(const QString& field) const;

 public Q_SLOTS:
  void step_exit(int rows);  ///< deeper for rows > 0; stays inside the table

 protected:
  void show_record(const FrameRecordPtr& record) override;

 private:
  void show_row();
  QString next_text(const FrameStep& step, int row) const;

  QLabel* title_;
  QTableView* table_;
  ExitStepsModel* model_;
  std::optional<CostModel> costs_;
  bool setting_ = false;  ///< the row follows the session, not the person

  QLabel* decision_;
  QLabel* hidden_;
  QLabel* action_;
  QLabel* gripper_;
  QLabel* cost_;
  QLabel* next_;
};

}  // namespace deer
