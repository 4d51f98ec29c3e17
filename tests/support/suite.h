// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTest>
#include <string>
#include <string_view>
#include <vector>

namespace deer::test {

/// A class of tests in a program that holds several. Its name is that of its source, without "tst_" and ".cpp".
struct Suite {
  std::string name;
  int (*run)(int argc, char** argv) = nullptr;  ///< what QTest::qExec returns
};

/// Something else that the program does, for tests that start it again as another process.
struct HelperProcess {
  std::string option;  ///< its first argument, such as "--rank"
  int (*run)(int argc, char** argv) = nullptr;
};

std::vector<Suite>& suites();
std::vector<HelperProcess>& helper_processes();

/// `PROGRAM [--suite NAME]... [QTEST ARGUMENT...]`: runs the suites named, or all. Returns the number of failed tests.
int run_suites(int argc, char** argv);

constexpr std::string_view suite_name(std::string_view file) {
  if (file.starts_with("tst_")) file.remove_prefix(4);
  return file.substr(0, file.find('.'));
}

struct RegisterSuite {
  RegisterSuite(std::string_view file, int (*run)(int, char**)) {
    suites().push_back({std::string(suite_name(file)), run});
  }
};

struct RegisterHelperProcess {
  RegisterHelperProcess(std::string option, int (*run)(int, char**)) {
    helper_processes().push_back({std::move(option), run});
  }
};

}  // namespace deer::test

/// Takes the place of QTEST_MAIN. At the end of the source, outside any namespace.
#define DEER_SUITE(Class)                                                                          \
  static const deer::test::RegisterSuite register_suite(__FILE_NAME__, [](int argc, char** argv) { \
    Class suite;                                                                                   \
    return QTest::qExec(&suite, argc, argv);                                                       \
  });
