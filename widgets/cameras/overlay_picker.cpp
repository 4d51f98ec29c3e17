// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/cameras/overlay_picker.h"

#include <QActionGroup>
#include <QMenu>

#include "widgets/base/theme.h"

namespace deer {

OverlayPicker::OverlayPicker(CameraOverlays* overlays, QWidget* parent) : QToolButton(parent), overlays_(overlays) {
  setAccessibleName(tr("Overlay"));
  setToolTip(tr("Choose an overlay: where the model looks, or where the hand is."));
  setPopupMode(QToolButton::InstantPopup);
  setFont(Theme::instance().label_font());
  setAutoFillBackground(true);
  setFocusPolicy(Qt::TabFocus);
  setMenu(new QMenu(this));
  menu()->setAccessibleName(tr("Overlay"));
  connect(menu(), &QMenu::aboutToShow, this, [this] { fill(menu(), overlays_); });
  connect(overlays, &CameraOverlays::changed, this, &OverlayPicker::retitle);
  retitle();
}

void OverlayPicker::retitle() {
  setText(short_ ? tr("Overlay") : tr("Overlay: %1").arg(overlays_->summary()));
  updateGeometry();
}

void OverlayPicker::set_short(bool is_short) {
  if (is_short == short_) return;
  short_ = is_short;
  retitle();
}

void OverlayPicker::fill(QMenu* menu, CameraOverlays* overlays) {
  menu->clear();
  // Submenus and groups would be left over otherwise.
  qDeleteAll(menu->findChildren<QMenu*>(QString(), Qt::FindDirectChildrenOnly));
  qDeleteAll(menu->findChildren<QActionGroup*>(QString(), Qt::FindDirectChildrenOnly));
  const auto settings = overlays->settings();
  const auto* const model = overlays->session()->model();
  const auto add = [overlays](QMenu* to, QActionGroup* group, const QString& text, bool checked, auto change) {
    auto* const action = to->addAction(text);
    action->setCheckable(true);
    action->setChecked(checked);
    if (group) group->addAction(action);
    QObject::connect(action, &QAction::triggered, overlays, [overlays, change](bool on) {
      auto wanted = overlays->settings();
      change(wanted, on);
      overlays->set(wanted);
    });
    return action;
  };
  add(menu, nullptr, tr("&None"), !settings.attention && !settings.tcp,
      [](auto& s, bool) { s.attention = s.tcp = false; });

  menu->addSection(tr("Where the model looks"));
  auto* const exits = new QActionGroup(menu);
  add(menu, exits, tr("&Attention of the selected exit"), settings.attention && settings.exit < 0, [](auto& s, bool) {
    s.attention = true;
    s.exit = -1;
  })->setToolTip(tr("Of the selected exit, otherwise of the exit taken."));
  const int count = model ? static_cast<int>(model->exit_layers.size()) : 0;
  for (int exit = 0; exit < count; ++exit) {
    add(menu, exits,
        tr("Attention of exit %1 (after layer %2)").arg(exit + 1).arg(model->exit_layers[std::size_t(exit)]),
        settings.attention && settings.exit == exit, [exit](auto& s, bool) {
          s.attention = true;
          s.exit = exit;
        });
  }
  auto* const heads = menu->addMenu(tr("&Heads"));
  heads->setEnabled(overlays->maps().heads() > 0);
  auto* const head_group = new QActionGroup(menu);
  add(heads, head_group, tr("&Mean of all heads"), settings.head < 0, [](auto& s, bool) { s.head = -1; });
  for (int head = 0; head < overlays->maps().heads(); ++head) {
    add(heads, head_group, tr("Head %1").arg(head + 1), settings.head == head,
        [head](auto& s, bool) { s.head = head; });
  }
  add(menu, nullptr, tr("&Smooth between patches"), settings.smooth, [](auto& s, bool on) { s.smooth = on; });

  menu->addSection(tr("Where the hand is"));
  add(menu, nullptr, tr("&TCP, its path and each exit’s next step"), settings.tcp,
      [](auto& s, bool on) { s.tcp = on; });
  auto* const scales = menu->addMenu(tr("&Magnify steps"));
  auto* const scale_group = new QActionGroup(menu);
  for (const double scale : CameraOverlays::kScales) {
    add(scales, scale_group, tr("%1×").arg(scale, 0, 'f', 0), settings.step_scale == scale,
        [scale](auto& s, bool) { s.step_scale = scale; });
  }
}

}  // namespace deer
