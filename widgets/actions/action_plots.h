// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <memory>
#include <vector>

#include "widgets/actions/action_series.h"
#include "widgets/base/frame_view.h"

class QComboBox;
class QLabel;
class QTimer;
class QVBoxLayout;

namespace deer {

class RecordedActions;
class RecordSlices;
class SeriesPlot;

/// The action values of every exit over time against the recorded ones: one dimension or all of them, in physical
/// units or as stored; each exit's line, the disagreement between exits, or each exit's error. Of chunks the first
/// step.
class ActionPlots : public FrameView {
  Q_OBJECT

 public:
  enum class Show { exits, disagreement, error };

  explicit ActionPlots(Session* session, QWidget* parent = nullptr);
  ~ActionPlots() override;

  // For DeeR's layout; in other layouts they follow the last dimension.
  static constexpr int kAll = 7;       ///< every value, one plot each
  static constexpr int kArmError = 8;  ///< of Show::error: the six arm values combined, in the model's units
  void set_value(int value);
  void set_show(Show show);
  void set_raw(bool raw);
  Show show_mode() const;

  /// The visible plots, top to bottom.
  std::vector<SeriesPlot*> plots() const;
  const ActionSeries& series() const { return series_; }

 protected:
  void show_record(const FrameRecordPtr& record) override;
  void showEvent(QShowEvent* event) override;
  void hideEvent(QHideEvent* event) override;

 private:
  void start_anew(qint64 frames);
  void rebuild();      ///< when lines or units change
  void fill_values();  ///< lists the dimensions
  int all_values() const { return static_cast<int>(series_.dimensions()); }
  int total_error() const { return all_values() + 1; }
  const ActionDimension& dimension(int value) const;
  bool is_deer_gripper(int value) const { return series_.layout().is_deer() && value == kAll - 1; }
  void draw();
  void draw_value(SeriesPlot* plot, int value, qint64 first, qint64 last);
  void stale(qint64 first, qint64 last);  ///< frames to redraw
  double scale_of(int value) const;
  QString label_of(int value) const;
  int decimals_of(int value) const;

  RecordedActions* recorded_;
  ActionSeries series_;
  QComboBox* value_;
  QComboBox* show_;
  QComboBox* unit_;
  QLabel* summary_;
  QWidget* stack_;
  QVBoxLayout* column_;
  std::vector<SeriesPlot*> plots_;
  std::vector<int> values_;  ///< of each plot
  RecordSlices* slices_;
  qint64 stale_first_ = 0;
  qint64 stale_last_ = -1;
  QTimer* drawing_;
};

}  // namespace deer
