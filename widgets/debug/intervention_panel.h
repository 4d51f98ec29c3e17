// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>
#include <vector>

#include "sessions/frames/intervened_frame.h"
#include "sessions/session/session.h"

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace deer {

class TextTable;

/// Runs frames again with another instruction, covered or noisy pictures, or a camera hidden from the attention, and
/// shows what it does to every exit: delta, action and depth, before and after. The run itself stays as it is.
class InterventionPanel : public QWidget {
  Q_OBJECT

 public:
  /// `session` must outlive the widget.
  explicit InterventionPanel(Session* session, QWidget* parent = nullptr);

  Intervention intervention() const;
  void set_intervention(const Intervention& intervention);  ///< as far as the controls can show it
  void run();
  QString sentence() const;
  TextTable* table() const { return table_; }

 private:
  enum class Frames { current, from_here, all };

  QWidget* build_controls();
  QWidget* build_result();
  void fill_words();
  void fill_layers();
  void update_enabled();
  void forget();
  void show_frames(const IntervenedFrames& frames);
  void show_current();
  void show_failure(const QString& reason);
  const IntervenedFrame* shown_frame() const;

  Session* session_;
  QLineEdit* instruction_;
  QComboBox* without_;
  QComboBox* static_camera_;
  QComboBox* gripper_camera_;
  QComboBox* hidden_camera_;
  QSpinBox* first_layer_;
  QSpinBox* last_layer_;
  QComboBox* head_;
  QComboBox* frames_;
  QPushButton* run_;
  QPushButton* reset_;
  QLabel* sentence_;
  TextTable* table_;

  QString words_of_;  ///< the instruction whose words can be left out
  Intervention running_;
  bool busy_ = false;
  IntervenedFrames result_;
  QString result_name_;
};

}  // namespace deer
