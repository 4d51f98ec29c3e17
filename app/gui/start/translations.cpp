// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/start/translations.h"

#include <QCoreApplication>
#include <QLibraryInfo>
#include <QTranslator>

namespace deer {

bool install_translations(QCoreApplication* application, const QLocale& locale) {
  QLocale::setDefault(QLocale::c());
  const auto program = QCoreApplication::applicationDirPath();
  // Installed, or in the build folder.
  const QStringList folders{program + QStringLiteral("/../" DEER_DATA_FOLDER "/translations"),
                            program + QStringLiteral("/translations")};
  const auto install = [&](const QString& name, const QString& folder) {
    auto* const translator = new QTranslator(application);
    if (translator->load(locale, name, QStringLiteral("_"), folder)) return application->installTranslator(translator);
    delete translator;
    return false;
  };
  for (const auto& folder : folders) {
    if (!install(QStringLiteral("deerscope"), folder)) continue;
    install(QStringLiteral("qtbase"), QLibraryInfo::path(QLibraryInfo::TranslationsPath));
    return true;
  }
  return false;
}

}  // namespace deer
