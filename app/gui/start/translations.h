// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QLocale>

class QCoreApplication;

namespace deer {

/// Installs the program's texts in the language of `locale`, with Qt's own, if there are any; else all stay English:
/// half a translation is worse than none. Numbers are written alike everywhere (see widgets/number_format). True if a
/// translation was found. Before any window is made.
bool install_translations(QCoreApplication* application, const QLocale& locale = QLocale::system());

}  // namespace deer
