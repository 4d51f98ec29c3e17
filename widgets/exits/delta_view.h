// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/base/frame_view.h"

class QLabel;

namespace deer {

class DeltaRows;

/// The deltas of one frame: one row per exit with delta, threshold and decision, and the reason for stopping.
/// Threshold marks can be dragged.
class DeltaView : public FrameView {
  Q_OBJECT

 public:
  explicit DeltaView(Session* session, QWidget* parent = nullptr);

  /// "Stopped at exit 3: delta 0.042 ≤ threshold 0.082."
  static QString reason_sentence(const FrameRecord& record, const ExitPolicy& policy);
  DeltaRows* rows() const { return rows_; }

 protected:
  void show_record(const FrameRecordPtr& record) override;

 private:
  QLabel* title_;
  QLabel* reason_;
  DeltaRows* rows_;
};

}  // namespace deer
