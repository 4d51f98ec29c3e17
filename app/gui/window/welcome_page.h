// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QWidget>

class QLabel;
class QProgressBar;
class QVBoxLayout;

namespace deer {

class CommandTable;

/// What the window shows before anything is open: what the program does, and how to start.
class WelcomePage : public QWidget {
  Q_OBJECT

 public:
  explicit WelcomePage(CommandTable* commands, QWidget* parent = nullptr);

  void set_recent(const QStringList& models, const QStringList& sources);
  /// Shows what is being opened and the progress (negative: unknown). Empty text: nothing is being opened.
  void set_busy(const QString& text, double progress);

 Q_SIGNALS:
  void path_chosen(const QString& path);

 private:
  void restyle();

  QLabel* title_;
  QLabel* purpose_;
  QLabel* hint_;
  QLabel* recent_title_;
  QWidget* start_;
  QWidget* busy_;
  QLabel* busy_text_;
  QProgressBar* busy_bar_;
  QVBoxLayout* recent_;
};

}  // namespace deer
