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
  const auto toggle = [this](const char* id, const QString& text, const QString& tip, const QList<QKeySequence>& keys,
                             bool CameraOverlays::Settings::*which, bool separator = false) {
    return Command{.id = QString::fromLatin1(id),
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
                   .separator_before = separator};
  };
  using Settings = CameraOverlays::Settings;
  commands->add(
      tr("&View"),
      {toggle("overlay.attention", tr("&Attention over the pictures"),
              tr("Show where the selected exit looks: its cross-attention, mapped back to patches of the pictures."),
              {QKeySequence(tr("A"))}, &Settings::attention, true),
       toggle("overlay.smooth", tr("Smooth atte&ntion"), tr("Interpolate attention between patches."), {},
              &Settings::smooth),
       toggle("overlay.tcp", tr("&TCP over the pictures"),
              tr("Show the hand's past and future path, and where each exit would move it."), {QKeySequence(tr("H"))},
              &Settings::tcp),
       {.id = "overlay.next_head",
        .text = tr("Next attention &head"),
        .tip = tr("Show the mean of all attention heads, then each head in turn."),
        .shortcuts = {QKeySequence(Qt::SHIFT | Qt::Key_A)},
        .run =
            [this] {
              auto settings = overlays_->settings();
              settings.head = settings.head + 1 < overlays_->maps().heads() ? settings.head + 1 : -1;
              overlays_->set(settings);
            },
        .enabled = [this] { return overlays_->settings().attention; }}});
  connect(overlays_, &CameraOverlays::changed, commands, &CommandTable::update);
}

}  // namespace deer
