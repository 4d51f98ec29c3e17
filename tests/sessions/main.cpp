// SPDX-License-Identifier: GPL-3.0-or-later
#include <QCoreApplication>
#include <QTest>

#include "tests/sessions/suites.h"

int main(int argc, char** argv) {
  QCoreApplication application(argc, argv);
  int failures = 0;
  const auto run = [&](auto&& suite) { failures += QTest::qExec(&suite, argc, argv); };
  run(deer::test::SessionTest());
  run(deer::test::PlaybackTest());
  run(deer::test::LiveTest());
  run(deer::test::StoreTest());
  return failures;
}
