// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "core/exits/engine.h"
#include "core/exits/frame_record.h"

class QLabel;

namespace deer {

/// One exit of one frame as text: comparison, decision, action and cost so far. Hidden while no exit is selected.
class ExitDetails : public QWidget {
  Q_OBJECT

 public:
  explicit ExitDetails(QWidget* parent = nullptr);

  void show_exit(const FrameRecord& record, const ModelSummary* model, int exit_index);
  QString title() const;
  QString text() const;

 private:
  QLabel* title_;
  QLabel* text_;
};

}  // namespace deer
