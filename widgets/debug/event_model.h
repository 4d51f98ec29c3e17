// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <QTimer>

#include "sessions/debug/debugger.h"

namespace deer {

class Session;

/// The events of the visible kinds, one row per event, ordered by frame.
class EventModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kFrame, kKind, kWhat, kColumnCount };

  EventModel(Session* session, Debugger* debugger, QObject* parent = nullptr);

  EventKinds kinds() const { return kinds_; }
  void set_kinds(EventKinds kinds);
  enum class Language { users, files };  ///< files keep English words, so that programs can read them
  static QString kind_name(FrameEventKind kind, Language language = Language::users);

  qint64 frame_of(int row) const;
  int row_of(qint64 frame) const;  ///< the first at or after it; rowCount() if none
  /// A row as in a file: frame, kind, details; quoted if needed.
  QString csv_line(int row) const;
  static QString csv_header();

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  static QString in(Language language, const char* text);
  QString what(const FrameEvent& event, Language language = Language::users) const;
  QString gripper_text(const FrameEvent& event, Language language) const;
  void renew();

  Session* session_;
  Debugger* debugger_;
  EventKinds kinds_ = kEveryKind & ~kind_bit(FrameEventKind::threshold_crossing);
  int rows_ = 0;
  QTimer later_;  // delays updates during a scan
};

}  // namespace deer
