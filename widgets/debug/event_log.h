// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QByteArray>
#include <QTimer>
#include <QWidget>

#include "sessions/session/session.h"
#include "sessions/threads/newest_task.h"

class QLabel;
class QTableView;

namespace deer {

class Debugger;
class EventModel;

/// Events of the episode, ordered by frame. Click or Enter shows the frame; kinds can be hidden; rows can be copied, or
/// all saved to a file.
class EventLog : public QWidget {
  Q_OBJECT

 public:
  EventLog(Session* session, Debugger* debugger, QWidget* parent = nullptr);
  ~EventLog() override;

  EventModel* model() const { return model_; }
  QTableView* table() const { return table_; }
  QString count_text() const;

  void copy();  ///< the selected rows, or the first 10,000, as CSV
  /// Saves all visible rows, in batches per iteration of the event loop; the newest call wins.
  void save_csv(const QString& path);

 Q_SIGNALS:
  void csv_requested();
  void csv_saved(const QString& path);
  void problem(const deer::Problem& problem);

 private:
  void collect_some();
  void show_count();
  void go_to(int row);
  void mark_frame();

  Session* session_;
  EventModel* model_;
  QTableView* table_;
  QLabel* count_;
  QString csv_path_;
  QByteArray csv_;  ///< the rows before next_row_
  int next_row_ = 0;
  QTimer collecting_;
  NewestTask saving_;
};

}  // namespace deer
