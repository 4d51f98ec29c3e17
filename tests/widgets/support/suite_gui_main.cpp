// SPDX-License-Identifier: GPL-3.0-or-later
#include <QApplication>

#include "tests/support/suite.h"
#include "widgets/base/theme.h"

int main(int argc, char** argv) {
  QCoreApplication::setAttribute(Qt::AA_ShareOpenGLContexts);
  const QApplication application(argc, argv);
  // Pictures must not depend on the desktop's colours.
  deer::Theme::instance().set_mode(deer::Theme::Mode::light);
  deer::Theme::instance().apply();
  return deer::test::run_suites(argc, argv);
}
