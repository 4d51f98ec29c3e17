// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <stdlib.h>

#include <QProcess>
#include <QString>
#include <QTemporaryDir>
#include <clocale>
#include <string>

namespace deer::test {

/// Numbers have a decimal comma for printf and strtod of this process, and for programs started from it with
/// the process's environment, as long as the object lives. Compiles the locale itself (localedef and the
/// sources of Debian's package "locales"), so that none has to be installed.
class CommaLocale {
 public:
  CommaLocale() : before_(std::setlocale(LC_NUMERIC, nullptr)) {
    for (const char* name : {"LOCPATH", "LC_ALL"}) {
      const char* const value = ::getenv(name);
      (name[1] == 'O' ? path_ : all_) = value == nullptr ? std::string() : value;
    }
    QProcess localedef;
    localedef.start(QStringLiteral("localedef"), {"-i", "de_DE", "-f", "UTF-8", folder_.filePath(kName)});
    if (!localedef.waitForFinished(60'000)) return;
    ::setenv("LOCPATH", folder_.path().toUtf8().constData(), 1);
    ::setenv("LC_ALL", kName, 1);
    std::setlocale(LC_NUMERIC, kName);
  }
  ~CommaLocale() {
    restore("LOCPATH", path_);
    restore("LC_ALL", all_);
    std::setlocale(LC_NUMERIC, before_.c_str());
  }
  CommaLocale(const CommaLocale&) = delete;
  CommaLocale& operator=(const CommaLocale&) = delete;

  /// False where the locale could not be made: then a test would prove nothing.
  bool is_active() const { return *std::localeconv()->decimal_point == ','; }

 private:
  static void restore(const char* name, const std::string& value) {
    if (value.empty()) {
      ::unsetenv(name);
    } else {
      ::setenv(name, value.c_str(), 1);
    }
  }

  static constexpr const char* kName = "de_DE.UTF-8";
  QTemporaryDir folder_;
  std::string before_;
  std::string path_;
  std::string all_;
};

}  // namespace deer::test
