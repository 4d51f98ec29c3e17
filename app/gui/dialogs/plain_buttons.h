// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

class QDialogButtonBox;

namespace deer {

/// Takes the icons off: words are enough.
void make_plain(QDialogButtonBox* buttons);

}  // namespace deer
