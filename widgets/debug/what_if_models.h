// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <vector>

#include "sessions/analysis/threshold_flips.h"
#include "sessions/debug/episode_marks.h"

namespace deer {

class Session;

/// Frames with a forced exit.
class ForcedModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kFrame, kExit, kColumnCount };

  ForcedModel(Session* session, ForcedExits* forced, QObject* parent = nullptr);
  qint64 frame_of(int row) const;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  Session* session_;
  std::vector<std::pair<qint64, int>> rows_;  ///< frame, layer
};

/// Frames whose exit changes under the second thresholds, with the margin between delta and active threshold.
class FlipModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { kFrame, kPresent, kOther, kDelta, kThreshold, kMargin, kColumnCount };

  FlipModel(Session* session, ThresholdFlips* flips, QObject* parent = nullptr);
  qint64 frame_of(int row) const;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  Session* session_;
  std::vector<ExitFlip> rows_;
};

}  // namespace deer
