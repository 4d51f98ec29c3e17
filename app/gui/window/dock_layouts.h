// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QList>
#include <QString>
#include <QStringList>
#include <vector>

class QDockWidget;
class QMainWindow;

namespace deer {

/// A stack of panels of which one is seen at a time, the first at first.
struct PanelStack {
  QStringList panels;  ///< names of docks, without "dock_"
  int share = 1;       ///< of the side, against the stacks beside it
};

/// Where panels stand around the pictures and the timeline. Panels that it does not name are hidden.
struct DockLayout {
  QString id;     ///< "inspect": stable
  QString title;  ///< in the person's language
  QString tip;    ///< one sentence
  std::vector<PanelStack> left = {}, right = {}, bottom = {};
  int left_width = 270, right_width = 370, bottom_height = 280;  ///< pixels
};

/// The layouts that come with the program. `roomy`: as for a window that has_room_below().
std::vector<DockLayout> built_in_layouts(bool roomy);

/// Whether panels below the timeline leave enough of it.
bool has_room_below(const QMainWindow& window);

/// Puts `docks` where `layout` says. They are shown only if `visible`; their places hold all the same.
void arrange(QMainWindow* window, const QList<QDockWidget*>& docks, const DockLayout& layout, bool visible);

}  // namespace deer
