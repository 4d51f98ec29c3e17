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

bool wants_key(const QWidget* focus, int key) {
  const bool arrows = key == Qt::Key_Left || key == Qt::Key_Right || key == Qt::Key_Home || key == Qt::Key_End;
  const bool digit = key >= Qt::Key_0 && key <= Qt::Key_9;
  if (qobject_cast<const QAbstractItemView*>(focus)) return arrows || digit;
  if (qobject_cast<const QLineEdit*>(focus) || qobject_cast<const QAbstractSlider*>(focus)) return arrows;
  if (qobject_cast<const QAbstractSpinBox*>(focus) || qobject_cast<const QComboBox*>(focus)) {
    return arrows || digit || key == Qt::Key_Space;
  }
  return qobject_cast<const QAbstractButton*>(focus) && key == Qt::Key_Space;
}

}  // namespace

FocusKeys::FocusKeys(QWidget* window) : QObject(window), window_(window) {
  // Buttons take the focus by Tab alone, so that Space still plays after one was clicked.
  for (auto* const button : window->findChildren<QAbstractButton*>()) {
    if (button->focusPolicy() & Qt::ClickFocus) button->setFocusPolicy(Qt::TabFocus);
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
