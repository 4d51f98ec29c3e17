// SPDX-License-Identifier: GPL-3.0-or-later
#include <cstdio>

#include "app/cli/commands/commands.h"
#include "core/base/error.h"
#include "core/parity/parity.h"

namespace deer::cli {
namespace {

struct Arguments {
  std::string folder;
  ParityOptions options;
  bool quiet = false;
};

void print(const Comparison& c) {
  if (c.tolerance == 0 && c.largest_absolute == 0) {
    std::printf("%-4s %-52s %8lld  %s\n",
                c.count == 0 ? "--"
                : c.passed   ? "ok"
                             : "FAIL",
                c.name.c_str(), static_cast<long long>(c.count),
                c.count == 0 ? ""
                : c.passed   ? "equal"
                             : "differs");
  } else {
    std::printf("%-4s %-52s %8lld  abs %.2e  rel %.2e  allowed %.0e\n", c.passed ? "ok" : "FAIL", c.name.c_str(),
                static_cast<long long>(c.count), c.largest_absolute, c.largest_relative, c.tolerance);
  }
  if (!c.problem.empty()) std::printf("     %s\n", c.problem.c_str());
}

void run(const Arguments& arguments) {
  long long made = 0;  // without lines about skipped comparisons
  long long failed = 0;
  double worst = 0;
  const bool passed = run_parity(arguments.folder, arguments.options, [&](const Comparison& comparison) {
    made += comparison.count > 0 ? 1 : 0;
    failed += comparison.passed ? 0 : 1;
    if (comparison.tolerance > 0 && comparison.tolerance < 1e-3) worst = std::max(worst, comparison.largest_absolute);
    if (!arguments.quiet || !comparison.passed || !comparison.problem.empty()) print(comparison);
  });
  std::printf("%s: %lld of %lld comparisons within tolerance; largest absolute error %.2e (without commands)\n",
              passed ? "passed" : "FAILED", made - failed, made, worst);
  if (!passed) throw CLI::RuntimeError(1);
}

}  // namespace

void add_parity(CLI::App& app) {
  auto arguments = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("parity",
                                     "Compare with golden numbers of the reference implementation; a number may differ "
                                     "by the tolerance times max(1, |golden|)");
  command
      ->add_option(
          "FOLDER", arguments->folder,
          "Golden data: a model folder with inputs and outputs, or images, prompts, a CLIP archive, threshold cases, "
          "training steps")
      ->required();
  command->add_option("--device", arguments->options.device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  command
      ->add_option("--dtype", arguments->options.dtype,
                   "float32, bfloat16 or float16; only float32 is expected to pass")
      ->capture_default_str();
  command->add_flag("-q,--quiet", arguments->quiet, "Print only failures and the summary");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace deer::cli
