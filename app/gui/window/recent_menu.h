// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QMenu>

namespace deer {

struct SavedSession;

/// Data and models that were opened lately. Filled when it is about to be shown.
class RecentMenu : public QMenu {
  Q_OBJECT

 public:
  /// `saved` must outlive it.
  RecentMenu(const SavedSession* saved, QWidget* parent);

 Q_SIGNALS:
  void path_chosen(const QString& path);

 private:
  void refill();
  void add_paths(const QString& title, const QStringList& paths);

  const SavedSession* saved_;
};

}  // namespace deer
