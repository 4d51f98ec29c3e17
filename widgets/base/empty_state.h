// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

class QLabel;
class QPushButton;

namespace deer {

/// Shown in an empty view: what will be here, and the action that fills it.
class EmptyState : public QWidget {
  Q_OBJECT

 public:
  enum class Icon { none, picture, chart, list, model, problem };

  explicit EmptyState(QWidget* parent = nullptr);

  /// An empty `action` hides the button. `details` (a file's message) is selectable and wraps.
  void set(Icon icon, const QString& sentence, const QString& action = {}, const QString& details = {});
  QString sentence() const;
  QString action() const;

 Q_SIGNALS:
  void action_triggered();

 protected:
  void changeEvent(QEvent* event) override;

 private:
  void restyle();

  QWidget* icon_;
  QLabel* sentence_;
  QLabel* details_;
  QPushButton* action_;
};

}  // namespace deer
