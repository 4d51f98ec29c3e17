// SPDX-License-Identifier: GPL-3.0-or-later
#include <csignal>
#include <cstdio>
#include <iostream>

#include "app/cli/commands/commands.h"
#ifdef DEER_HAVE_TRACE
#include "app/cli/data/export_command.h"
#endif
#include "core/base/error.h"
#include "core/base/version.h"
#include "core/model/cpu_setup.h"

int main(int argc, char** argv) {
  deer::set_up_cpu(argv);
  // `deer run … | head` must exit quietly.
  std::signal(SIGPIPE, SIG_DFL);
  // A file size limit becomes a write error with a message.
  std::signal(SIGXFSZ, SIG_IGN);

  CLI::App app("deer: run, train and evaluate multi-exit robot policies", "deer");
  app.set_version_flag("--version", std::string("deer ") + deer::kVersion);
  // Not a requirement of CLI11's: it would hide what is wrong with the options.
  app.require_subcommand(0, 1);
  app.callback([&app] {
    if (app.get_subcommands().empty()) throw CLI::RequiredError("A subcommand");
  });
  deer::cli::add_run(app);
  deer::cli::add_train(app);
  deer::cli::add_info(app);
  deer::cli::add_parity(app);
  deer::cli::add_convert(app);
  deer::cli::add_merge(app);
  deer::cli::add_bench(app);
  deer::cli::add_serve(app);
  deer::cli::add_solve(app);
  deer::cli::add_tune(app);
#ifdef DEER_HAVE_EPISODES
  deer::cli::add_calibrate(app);
  deer::cli::add_attention(app);
#endif
#ifdef DEER_HAVE_TRACE
  deer::cli::add_trace(app);
  deer::cli::add_replay(app);
  deer::cli::add_gate(app);
  deer::cli::add_study(app);
  deer::cli::add_export(app);
#endif
#ifdef DEER_HAVE_SIM
  deer::cli::add_demos(app);
  deer::cli::add_eval(app);
#endif
  constexpr int kFailed = 1;
  constexpr int kUsage = 2;
  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& error) {
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  } catch (const deer::Error& error) {
    std::cerr << "deer: " << error.what() << '\n';
    return kFailed;
  } catch (const std::bad_alloc&) {
    std::cerr << "deer: out of memory\n";
    return kFailed;
  } catch (const std::exception& error) {
    std::cerr << "deer: " << deer::printable(error.what(), 500) << '\n';
    return kFailed;
  }
  std::cout.flush();
  if (!std::cout || std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    std::cerr << "deer: cannot write the output (is the disk full?)\n";
    return kFailed;
  }
  return 0;
}
