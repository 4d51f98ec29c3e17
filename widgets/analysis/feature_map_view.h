// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

#include "sessions/session/session.h"

class QComboBox;
class QLabel;
class QStackedLayout;

namespace deer {

class EmptyState;
class FeaturePlane;
class FeatureScatter;
class RunTally;

/// A point for each frame's pooled feature, in the plane in which the features vary most, coloured by exit, by regret
/// or by instruction. A click goes to the frame.
class FeatureMapView : public QWidget {
  Q_OBJECT

 public:
  enum class Colour { exit, regret, instruction };

  /// `session` must outlive the view.
  explicit FeatureMapView(Session* session, QWidget* parent = nullptr);

  bool is_empty() const;
  QString title() const;
  FeatureScatter* scatter() const { return scatter_; }
  void set_colour(Colour colour);

 protected:
  void showEvent(QShowEvent* event) override;

 private:
  void fill_exits();
  void ask_if_shown();
  void show_map();
  void show_empty();
  void recolour();
  std::optional<int> layer() const;

  Session* session_;
  FeaturePlane* plane_;
  RunTally* tally_;
  QStackedLayout* stack_;
  EmptyState* empty_;
  QComboBox* exit_;
  QComboBox* colour_;
  QLabel* title_;
  FeatureScatter* scatter_;
  bool stale_ = true;  ///< the records have changed since the map was asked for
};

}  // namespace deer
