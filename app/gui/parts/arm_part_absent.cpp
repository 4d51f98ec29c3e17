// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/parts/arm_part.h"

namespace deer {

ArmPart* ArmPart::make(Session*, QWidget*) { return nullptr; }

}  // namespace deer
