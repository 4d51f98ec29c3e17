// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/suite.h"

#include <algorithm>
#include <cstdio>

namespace deer::test {

std::vector<Suite>& suites() {
  static std::vector<Suite> all;
  return all;
}

std::vector<HelperProcess>& helper_processes() {
  static std::vector<HelperProcess> all;
  return all;
}

int run_suites(int argc, char** argv) {
  for (const HelperProcess& helper : helper_processes()) {
    if (argc > 1 && argv[1] == helper.option) return helper.run(argc, argv);
  }
  std::vector<char*> arguments{argv[0]};
  std::vector<std::string_view> wanted;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--suite" && i + 1 < argc) {
      wanted.emplace_back(argv[++i]);
    } else {
      arguments.push_back(argv[i]);
    }
  }
  auto& all = suites();
  std::sort(all.begin(), all.end(), [](const Suite& a, const Suite& b) { return a.name < b.name; });
  for (const std::string_view name : wanted) {
    if (std::any_of(all.begin(), all.end(), [&](const Suite& suite) { return suite.name == name; })) continue;
    std::fprintf(stderr, "no suite '%.*s'; there are:", static_cast<int>(name.size()), name.data());
    for (const Suite& suite : all) std::fprintf(stderr, " %s", suite.name.c_str());
    std::fprintf(stderr, "\n");
    return 1;
  }
  int failures = 0;
  for (const Suite& suite : all) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), suite.name) == wanted.end()) continue;
    failures += suite.run(static_cast<int>(arguments.size()), arguments.data());
  }
  return failures;
}

}  // namespace deer::test
