// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/dialogs/plain_buttons.h"

#include <QAbstractButton>
#include <QDialogButtonBox>
#include <QIcon>

namespace deer {

void make_plain(QDialogButtonBox* buttons) {
  for (auto* const button : buttons->buttons()) button->setIcon({});
}

}  // namespace deer
