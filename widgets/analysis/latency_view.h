// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/base/frame_view.h"

class QBoxLayout;
class QLabel;
class QTableView;
class QTimer;

namespace deer {

class Latency;
class SeriesPlot;
class TextTable;

/// Stacked stage times of every frame, percentiles and the model's share; and memory use over time.
class LatencyView : public FrameView {
  Q_OBJECT

 public:
  explicit LatencyView(Session* session, QWidget* parent = nullptr);

  Latency* latency() const { return latency_; }
  SeriesPlot* stages() const { return stages_; }
  SeriesPlot* memory() const { return memory_; }
  TextTable* table_model() const { return model_; }
  QString summary() const;

 protected:
  void show_record(const FrameRecordPtr& record) override;
  void resizeEvent(QResizeEvent* event) override;

 private:
  void set_up_lines();
  void draw();
  void show_statistics();
  void arrange();
  static QString stage_name(int stage);
  static QString stage_tip(int stage);

  Latency* latency_;
  QLabel* summary_;
  SeriesPlot* stages_;
  SeriesPlot* memory_;
  TextTable* model_;
  QTableView* table_;
  QBoxLayout* both_;
  QBoxLayout* plots_;
  QTimer* drawing_;
  bool stale_ = true;  ///< stages need drawing, not only memory
};

}  // namespace deer
