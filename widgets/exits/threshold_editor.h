// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>
#include <vector>

#include "sessions/session/session.h"

class QComboBox;
class QFormLayout;
class QLabel;
class QPushButton;
class QSpinBox;
class QTableView;
class QUndoStack;

namespace deer {

class EmptyState;
class ExitHistogram;
class ThresholdModel;

/// Editor for the exit policy: thresholds, criterion, delta type, depth limit, and their result on the evaluated
/// frames. Every change can be undone.
class ThresholdEditor : public QWidget {
  Q_OBJECT

 public:
  explicit ThresholdEditor(Session* session, QWidget* parent = nullptr);

  QUndoStack* undo_stack() const { return undo_; }
  ThresholdModel* model() const { return model_; }
  /// "exact, 214 frames", or what is missing.
  QString result_text() const;
  /// Error in the last input; empty if there is none.
  QString message() const;

 public Q_SLOTS:
  /// The model's suggested thresholds; does nothing if it has none.
  void reset_to_suggested();

 Q_SIGNALS:
  void open_model_requested();

 protected:
  void resizeEvent(QResizeEvent* event) override;

 private:
  void build_controls();
  void start_anew();
  void show_policy();
  void show_columns();
  void take_policy();
  void count(qint64 frame, const FrameRecord* record);
  void forget_counts(qint64 frames);
  void update_result();
  /// One undo step. Steps of the same `group` that follow each other become one; 0 never does.
  void change(const ExitPolicy& policy, const QString& what, int group = 0);
  void set_message(const QString& message);

  Session* session_;
  QUndoStack* undo_;
  ThresholdModel* model_;
  QWidget* content_;
  EmptyState* empty_;
  QTableView* table_;
  QComboBox* criterion_;
  QComboBox* delta_type_;
  QComboBox* max_layer_;
  QComboBox* fixed_;
  QSpinBox* stage_;
  QSpinBox* steps_per_exit_;
  QPushButton* reset_;
  QLabel* message_;
  QLabel* mean_depth_;
  QLabel* result_;
  ExitHistogram* histogram_;
  QFormLayout* form_;

  ExitPolicy known_;        // the policy as last seen, to make other views' changes undoable
  bool applying_ = false;   // the change under way is an undo step's own
  bool showing_ = false;    // controls are being set from the policy
  std::vector<int> taken_;  // exit by frame, -1 for none yet
  std::vector<qint64> counts_;
  qint64 depth_sum_ = 0;
  qint64 evaluated_ = 0;
};

}  // namespace deer
