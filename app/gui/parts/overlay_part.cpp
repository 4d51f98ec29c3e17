// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/overlay_part.h"

#include <QWidget>

#include "app/gui/commands/command_table.h"
#include "widgets/cameras/camera_view.h"

namespace deer {

OverlayPart::OverlayPart(Session* session, QWidget* pictures, QWidget* window)
    : QObject(window), overlays_(new CameraOverlays(session, this)) {
  for (auto* const view : pictures->findChildren<CameraView*>()) view->set_overlays(overlays_);
}

void OverlayPart::add_commands(CommandTable* commands) {
  const auto menu = tr("&View");
  const auto toggle = [&](const char* id, const QString& text, const QString& tip, const QList<QKeySequence>& keys,
                          bool CameraOverlays::Settings::*which, bool first) {
    commands->add({.id = QString::fromLatin1(id),
                   .menu = menu,
                   .text = text,
                   .tip = tip,
                   .shortcuts = keys,
                   .run =
                       [this, which] {
                         auto settings = overlays_->settings();
                         settings.*which = !(settings.*which);
                         overlays_->set(settings);
                       },
                   .checked = [this, which] { return overlays_->settings().*which; },
                   .separator_before = first});
  };
  using Settings = CameraOverlays::Settings;
  toggle("overlay.attention", tr("&Attention over the pictures"),
         tr("Show where the exit shown looks: its cross-attention, brought back to patches of the pictures."),
         {QKeySequence(tr("A"))}, &Settings::attention, true);
  toggle("overlay.smooth", tr("Smooth atte&ntion"), tr("Interpolate attention between the patches."), {},
         &Settings::smooth, false);
  toggle("overlay.tcp", tr("&TCP over the pictures"),
         tr("Show where the hand is, was and will be, and where each exit would move it."), {QKeySequence(tr("H"))},
         &Settings::tcp, false);
  commands->add({.id = "overlay.next_head",
                 .menu = menu,
                 .text = tr("Next &head of the attention"),
                 .tip = tr("Go from the mean of all heads to each head, and back to the mean."),
                 .shortcuts = {QKeySequence(Qt::SHIFT | Qt::Key_A)},
                 .run =
                     [this] {
                       auto settings = overlays_->settings();
                       settings.head = settings.head + 1 < overlays_->maps().heads() ? settings.head + 1 : -1;
                       overlays_->set(settings);
                     },
                 .enabled = [this] { return overlays_->settings().attention; }});
  connect(overlays_, &CameraOverlays::changed, commands, &CommandTable::update);
}

}  // namespace deer
