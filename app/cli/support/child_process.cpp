// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "core/base/error.h"

namespace deer::cli {

ProcessEnd wait_for(pid_t process) {
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  ProcessEnd out;
  if (WIFSIGNALED(status)) {
    out.text = std::string("was killed by signal ") + ::strsignal(WTERMSIG(status));
    out.succeeded = false;
    out.interrupted = WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM;
  } else if (WEXITSTATUS(status) != 0) {
    constexpr int kInterrupted = 130;
    out.text = "exited with status " + std::to_string(WEXITSTATUS(status));
    out.succeeded = false;
    out.interrupted = WEXITSTATUS(status) == kInterrupted;
  }
  return out;
}

ChildResult run_child(const std::vector<std::string>& arguments) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error(std::string("cannot make a pipe: ") + std::strerror(errno));
  auto copies = arguments;
  std::vector<char*> argv;
  for (auto& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    // Only calls that are safe after a fork of a multi-threaded program.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);
    ::dup2(ends[1], STDOUT_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    throw Error(std::string("cannot start a process: ") + std::strerror(errno));
  }
  ChildResult out;
  char piece[1 << 16];
  constexpr std::size_t kMost = std::size_t{16} << 20;
  while (true) {
    const auto count = ::read(ends[0], piece, sizeof piece);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    out.output.append(piece, static_cast<std::size_t>(count));
    if (out.output.size() > 2 * kMost) out.output.erase(0, out.output.size() - kMost);
  }
  ::close(ends[0]);
  out.end = wait_for(child);
  return out;
}

}  // namespace deer::cli
