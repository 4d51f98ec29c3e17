// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>
#include <map>
#include <memory>
#include <vector>

#include "sessions/live/live_source.h"
#include "sessions/session/session.h"
#include "widgets/timeline/timeline_data.h"

class QComboBox;
class QLabel;
class QTimer;

namespace deer {

class EmptyState;
class EpisodeStates;
class RecordSlices;
class TimelineLegend;
class TimelinePlot;
struct TimelineCost;

/// The episode over time: exit depth, deltas by exit, regret, mean cost so far, and one action value, predicted over
/// recorded.
/// Click or drag moves the current frame, the wheel zooms, Shift or middle drag pans, double click
/// shows everything.
class TimelineView : public QWidget {
  Q_OBJECT

 public:
  /// `session` must outlive the view.
  explicit TimelineView(Session* session, QWidget* parent = nullptr);
  ~TimelineView() override;

  /// 0 to 2 position, 3 to 5 angles, 6 gripper.
  int action_dimension() const;
  void set_action_dimension(int dimension);

  /// Recorded action of a frame: mm, degrees, 0 or 1 for the gripper; NaN if unknown.
  float recorded_value(int dimension, qint64 frame) const;
  /// Draws these runs' depths over the run's own.
  void set_runs(const std::vector<TimelineRun>& runs);
  /// Unit and budget of the cost track; by default layers without a limit.
  void set_cost(const TimelineCost& cost);
  TimelinePlot* plot() const { return plot_; }

 public Q_SLOTS:
  void zoom_in();
  void zoom_out();
  void show_all();

 Q_SIGNALS:
  void open_dataset_requested();

 protected:
  void resizeEvent(QResizeEvent* event) override;
  void showEvent(QShowEvent* event) override;

 private:
  void start_anew(bool same_episode);
  void take_record(qint64 frame);
  void take_frames(qint64 first, qint64 last);
  void take_outcomes();  ///< of the attempts of a live run
  void take_states(qint64 first, qint64 last);
  void ask_for_recorded();  ///< actions of the frames in sight
  void update_header();
  void share_header(const QString& text);  ///< between the readout and the legend
  void fill_dimensions();
  QString axis_label(int dimension) const;

  Session* session_;
  std::unique_ptr<TimelineData> data_;
  TimelinePlot* plot_;
  QComboBox* dimension_;
  EpisodeStates* states_;
  std::map<qint64, bool> outcomes_;  ///< by an attempt's first frame: done
  TaskCount counted_;                ///< of outcomes_

  RecordSlices* slices_ = nullptr;
  QTimer* drawing_;

  QLabel* readout_;
  TimelineLegend* legend_;
  QWidget* content_;
  EmptyState* empty_;
};

}  // namespace deer
