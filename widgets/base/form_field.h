// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>

class QFormLayout;
class QLabel;

namespace deer {

/// Adds a muted name and a selectable value, both with `explanation` as tooltip. Returns the value's label, which the
/// form owns and tests find by `name`.
QLabel* add_form_field(QFormLayout* form, const QString& name, const QString& explanation);

/// Makes the label's text selectable with the mouse. Qt lays out selectable text as a document at every change, which
/// is expensive, so the label is selectable only from a press until it loses the focus.
void make_selectable(QLabel* label);

}  // namespace deer
