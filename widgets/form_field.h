// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>

class QFormLayout;
class QLabel;

namespace deer {

/// Adds a quiet name and a value that can be selected, both with `explanation` as their tool tip. Returns the value's
/// label, which the form owns and tests find by `name`.
QLabel* add_form_field(QFormLayout* form, const QString& name, const QString& explanation);

}  // namespace deer
