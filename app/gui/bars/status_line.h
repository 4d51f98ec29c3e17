// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTimer>
#include <QWidget>

#include "sessions/session/session.h"

class QLabel;
class QProgressBar;
class QToolButton;

namespace deer {

/// The current operation, on the left: text, progress, cancel.
class ActivityLine : public QWidget {
  Q_OBJECT

 public:
  explicit ActivityLine(Session* session, QWidget* parent = nullptr);

  QString text() const;

 Q_SIGNALS:
  void cancel_requested();

 private:
  void refresh();

  Session* session_;
  QLabel* text_;
  QProgressBar* bar_;
  QToolButton* cancel_;
};

/// Model, device and number format, time of the current frame by stage, memory in use.
class FactsLine : public QWidget {
  Q_OBJECT

 public:
  explicit FactsLine(Session* session, QWidget* parent = nullptr);

  QString text() const;  ///< all of it, for tests

 private:
  void show_model();
  void show_times();
  void show_memory();

  Session* session_;
  QLabel* model_;
  QLabel* device_;
  QLabel* times_;
  QLabel* memory_;
  QTimer timer_;
};

}  // namespace deer
