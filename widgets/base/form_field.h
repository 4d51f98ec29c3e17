// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>

class QFormLayout;
class QLabel;

namespace deer {

/// Adds a quiet name and a value that can be selected, both with `explanation` as their tool tip. Returns the value's
/// label, which the form owns and tests find by `name`.
QLabel* add_form_field(QFormLayout* form, const QString& name, const QString& explanation);

/// Lets a person select the label's text with the mouse. Selectable text is laid out as a whole document at every
/// change, which costs more than the frame that it tells of, and so the label is so only from a press until it loses
/// the focus.
void make_selectable(QLabel* label);

}  // namespace deer
