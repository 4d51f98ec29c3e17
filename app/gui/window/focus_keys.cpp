// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/window/focus_keys.h"

#include <QAbstractButton>
#include <QAbstractItemView>
#include <QAbstractSlider>
#include <QAbstractSpinBox>
#include <QApplication>
#include <QComboBox>
#include <QKeyEvent>
#include <QLineEdit>

namespace deer {
namespace {

// Space plays everywhere but in text and on a button that Tab has reached.
bool wants_key(const QWidget* focus, int key) {
  const bool arrows = key == Qt::Key_Left || key == Qt::Key_Right || key == Qt::Key_Home || key == Qt::Key_End;
  const bool digit = key >= Qt::Key_0 && key <= Qt::Key_9;
  if (const auto* const view = qobject_cast<const QAbstractItemView*>(focus)) {
    // A table of values is read row by row; only one that can be edited needs more than up and down.
    return view->editTriggers() != QAbstractItemView::NoEditTriggers && (arrows || digit);
  }
  if (const auto* const box = qobject_cast<const QComboBox*>(focus)) {
    return box->isEditable() ? arrows || digit || key == Qt::Key_Space : arrows;
  }
  if (qobject_cast<const QAbstractSpinBox*>(focus)) return arrows || digit;
  if (qobject_cast<const QLineEdit*>(focus) || qobject_cast<const QAbstractSlider*>(focus)) return arrows;
  return qobject_cast<const QAbstractButton*>(focus) && key == Qt::Key_Space;
}

}  // namespace

FocusKeys::FocusKeys(QWidget* window) : QObject(window), window_(window) {
  // Buttons and lists take the focus by Tab alone, so that keys still go to the timeline after a click.
  for (auto* const button : window->findChildren<QAbstractButton*>()) {
    if (button->focusPolicy() & Qt::ClickFocus) button->setFocusPolicy(Qt::TabFocus);
  }
  for (auto* const box : window->findChildren<QComboBox*>()) {
    if (!box->isEditable()) box->setFocusPolicy(Qt::TabFocus);
  }
  qApp->installEventFilter(this);
}

bool FocusKeys::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() != QEvent::ShortcutOverride) return false;
  const auto* const widget = qobject_cast<QWidget*>(watched);
  const auto* const key = static_cast<QKeyEvent*>(event);
  const bool unmodified = key->modifiers() == Qt::NoModifier || key->modifiers() == Qt::ShiftModifier ||
                          key->modifiers() == Qt::KeypadModifier;
  if (!widget || widget->window() != window_ || !unmodified || !wants_key(widget, key->key())) return false;
  event->accept();
  return true;
}

}  // namespace deer
