// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "sessions/session/session.h"

class QComboBox;
class QLabel;
class QPushButton;
class QTableView;

namespace deer {

class FlipModel;
class ForcedExits;
class ForcedModel;
class ThresholdFlips;

/// What-if: forced exits of single frames, and the frames whose exit changes under a second set of thresholds.
class WhatIfPanel : public QWidget {
  Q_OBJECT

 public:
  WhatIfPanel(Session* session, ForcedExits* forced, ThresholdFlips* flips, QWidget* parent = nullptr);

  ForcedModel* forced_model() const { return forced_model_; }
  FlipModel* flip_model() const { return flip_model_; }
  QString flips_text() const;
  /// Forces the exit chosen in the box for the current frame.
  void force_here();

 Q_SIGNALS:
  void open_thresholds_requested();

 private:
  QWidget* build_forced();
  QWidget* build_flips();
  void fill_exits();
  void update_forced();
  void update_flips();

  Session* session_;
  ForcedExits* forced_;
  ThresholdFlips* flips_;
  ForcedModel* forced_model_;
  FlipModel* flip_model_;
  QTableView* forced_table_;
  QTableView* flip_table_;
  QComboBox* exit_;
  QPushButton* force_;
  QPushButton* remove_;
  QPushButton* remove_all_;
  QLabel* obstacle_;
  QLabel* flip_label_;
};

}  // namespace deer
