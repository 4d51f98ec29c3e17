// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/dock_layouts.h"

#include <QCoreApplication>
#include <QDockWidget>
#include <QMainWindow>
#include <algorithm>
#include <numeric>

namespace deer {
namespace {

constexpr int kBars = 110;  // menus, playback, status

struct DockText {
  Q_DECLARE_TR_FUNCTIONS(deer::DockLayouts)
};

QDockWidget* find(const QList<QDockWidget*>& docks, const QString& name) {
  const auto wanted = QStringLiteral("dock_") + name;
  const auto found = std::find_if(docks.begin(), docks.end(), [&](auto* dock) { return dock->objectName() == wanted; });
  return found == docks.end() ? nullptr : *found;
}

}  // namespace

std::vector<DockLayout> built_in_layouts(bool roomy) {
  std::vector<DockLayout> out;
  const QStringList analyses{QStringLiteral("action_plots"), QStringLiteral("similarity"),
                             QStringLiteral("features"),     QStringLiteral("latency"),
                             QStringLiteral("compare"),      QStringLiteral("calibration"),
                             QStringLiteral("dataset"),      QStringLiteral("runs")};
  const PanelStack drawer{.panels = analyses, .shown = false};
  const PanelStack episodes{.panels = {QStringLiteral("episodes")}, .shown = false};
  // In a low window they share one place.
  const auto policy_and_frame = roomy ? std::vector<PanelStack>{{{"policy"}, 5}, {{"inspector"}, 6}}
                                      : std::vector<PanelStack>{{{"policy", "inspector"}}};
  out.push_back({.id = QStringLiteral("inspect"),
                 .title = DockText::tr("&Inspect"),
                 .tip = DockText::tr("Show the policy and the frame beside the pictures and the timeline."),
                 .left = {episodes},
                 .right = policy_and_frame,
                 .bottom = {drawer},
                 .right_width = roomy ? 370 : 330});

  DockLayout budgets{.id = QStringLiteral("budgets"),
                     .title = DockText::tr("&Budgets"),
                     .tip = DockText::tr("Show the budget, its thresholds and the fit of the calibration set."),
                     .left = {episodes},
                     .right = {{{"policy"}}},
                     .right_width = 430};
  if (roomy) {
    budgets.bottom = {{{"calibration", "latency"}}};
  } else {
    budgets.right[0].panels << QStringLiteral("calibration");
    budgets.right_width = 400;
  }
  out.push_back(budgets);

  DockLayout debug{.id = QStringLiteral("debug"),
                   .title = DockText::tr("&Debug"),
                   .tip = DockText::tr("Show breakpoints, watches, events and what-if beside the exits of the frame."),
                   .left = {{{"exits", "episodes"}}},
                   .right = {{{"inspector"}, 3}, {{"breakpoints", "watches"}, 2}}};
  if (roomy) {
    debug.left_width = 340;
    debug.right_width = 380;
    debug.bottom = {{{"events", "action_plots"}, 3}, {{"what_if", "interventions"}, 5}};
  } else {
    debug.left_width = 258;
    debug.right_width = 330;
    debug.right[1].panels << QStringLiteral("events") << QStringLiteral("what_if") << QStringLiteral("interventions");
  }
  out.push_back(debug);

  DockLayout compare{.id = QStringLiteral("compare"),
                     .title = DockText::tr("&Compare"),
                     .tip = DockText::tr("Compare two runs over the whole width."),
                     .left = {episodes},
                     .right = policy_and_frame,
                     .bottom = {{{"compare", "runs", "action_plots"}}},
                     .bottom_height = 380};
  if (!roomy) compare.bottom_height = 260;
  out.push_back(compare);
  return out;
}

bool has_room_below(const QMainWindow& window) { return window.width() >= 1440 && window.height() >= 900; }

void arrange(QMainWindow* window, const QList<QDockWidget*>& docks, const DockLayout& layout, bool visible) {
  for (auto* const dock : docks) {
    dock->setFloating(false);
    window->removeDockWidget(dock);
  }
  QList<QDockWidget*> placed;
  QDockWidget* home = nullptr;  // hidden panels are tabbed behind it
  const auto fill = [&](Qt::DockWidgetArea area, const std::vector<PanelStack>& stacks, int thickness) {
    const auto across = area == Qt::BottomDockWidgetArea ? Qt::Vertical : Qt::Horizontal;
    const auto along = area == Qt::BottomDockWidgetArea ? Qt::Horizontal : Qt::Vertical;
    QList<QDockWidget*> fronts;
    QList<int> sizes;
    const int total =
        std::accumulate(stacks.begin(), stacks.end(), 0, [](int sum, const auto& stack) { return sum + stack.share; });
    const int room =
        along == Qt::Vertical ? window->height() - kBars : window->width() - layout.left_width - layout.right_width;
    for (const auto& stack : stacks) {
      QDockWidget* front = nullptr;
      for (const auto& name : stack.panels) {
        auto* const dock = find(docks, name);
        if (!dock) continue;
        if (front) {
          window->tabifyDockWidget(placed.last(), dock);
        } else {
          window->addDockWidget(area, dock, along);
          front = dock;
        }
        placed << dock;
        dock->setVisible(visible && stack.shown);
      }
      if (!front) continue;
      fronts << front;
      sizes << room * stack.share / std::max(total, 1);
      if (!home && area == Qt::BottomDockWidgetArea) home = placed.last();
    }
    window->resizeDocks(fronts, sizes, along);
    if (!fronts.isEmpty()) window->resizeDocks({fronts.first()}, {thickness}, across);
    for (auto* const front : fronts) {
      if (!front->isHidden()) front->raise();
    }
  };
  fill(Qt::LeftDockWidgetArea, layout.left, layout.left_width);
  fill(Qt::RightDockWidgetArea, layout.right, layout.right_width);
  fill(Qt::BottomDockWidgetArea, layout.bottom, layout.bottom_height);
  for (auto* const dock : docks) {
    if (placed.contains(dock)) continue;
    window->addDockWidget(Qt::BottomDockWidgetArea, dock);
    if (home) window->tabifyDockWidget(home, dock);
    home = dock;
    dock->hide();
  }
}

}  // namespace deer
