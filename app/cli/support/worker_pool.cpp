// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/support/worker_pool.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include "app/cli/support/child_process.h"
#include "core/base/cpus.h"
#include "core/base/error.h"

extern char** environ;

namespace deer::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

// Catches SIGINT and SIGTERM during its lifetime, and makes poll() return early.
class SignalWatch {
 public:
  SignalWatch() {
    interrupted = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = 1; };
    ::sigaction(SIGINT, &action, &old_int_);
    ::sigaction(SIGTERM, &action, &old_term_);
  }
  ~SignalWatch() {
    ::sigaction(SIGINT, &old_int_, nullptr);
    ::sigaction(SIGTERM, &old_term_, nullptr);
  }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  struct sigaction old_int_ {};
  struct sigaction old_term_ {};
};

bool send_line(int socket, const Json& message) {
  // Error texts may quote bytes that are not UTF-8.
  const auto line = message.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::size_t sent = 0;
  while (sent < line.size()) {
    const auto count = ::send(socket, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

// Lines that arrive in pieces.
class LineReader {
 public:
  /// Reads available data, waiting if there is none. False at the end.
  bool receive(int socket) {
    char piece[1 << 16];
    ssize_t count = 0;
    do {
      count = ::recv(socket, piece, sizeof piece, 0);
    } while (count < 0 && errno == EINTR);
    if (count <= 0) return false;
    buffer_.append(piece, static_cast<std::size_t>(count));
    return true;
  }

  std::optional<std::string> line() {
    const auto end = buffer_.find('\n');
    if (end == std::string::npos) return std::nullopt;
    auto out = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    return out;
  }

 private:
  std::string buffer_;
};

// The environment of a worker: a fixed number of arithmetic threads, so that results do not depend on the number of
// workers, and the CPUs divided among them for software rendering.
std::vector<std::string> worker_environment(int workers, int threads) {
  std::vector<std::string> out;
  for (const char* name : {"OMP_NUM_THREADS=", "OPENBLAS_NUM_THREADS=", "MKL_NUM_THREADS="}) {
    out.push_back(name + std::to_string(threads));
  }
  if (std::getenv("LP_NUM_THREADS") == nullptr) {
    // 0: Mesa's software renderer works in the calling thread.
    const int each = usable_cpus() / workers;
    out.push_back("LP_NUM_THREADS=" + std::to_string(each > 1 ? each : 0));
  }
  const auto names_one_of_ours = [&](std::string_view entry) {
    return std::any_of(out.begin(), out.end(),
                       [&](const std::string& ours) { return entry.starts_with(ours.substr(0, ours.find('=') + 1)); });
  };
  std::vector<std::string> inherited;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!names_one_of_ours(*entry)) inherited.emplace_back(*entry);
  }
  out.insert(out.end(), inherited.begin(), inherited.end());
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

class Worker {
 public:
  Worker(std::vector<std::string> command, int workers, int threads) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      throw Error(std::string("cannot make a socket for a worker process: ") + std::strerror(errno));
    }
    socket_ = ends[0];
    command.insert(command.begin(), "deer");
    auto environment = worker_environment(workers, threads);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
    // Output of libraries goes to standard error, not among the results.
    ::posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    const int error = ::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, pointers(command).data(),
                                    pointers(environment).data());
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (error != 0) {
      ::close(socket_);
      throw Error(std::string("cannot start a worker process: ") + std::strerror(error));
    }
  }
  // Kills a worker that is still running; its job is lost.
  ~Worker() {
    if (pid_ > 0) {
      ::kill(pid_, SIGTERM);
      wait();
    }
    if (socket_ >= 0) ::close(socket_);
  }
  Worker(Worker&& other) noexcept
      : job(other.job),
        lines(std::move(other.lines)),
        pid_(std::exchange(other.pid_, -1)),
        socket_(std::exchange(other.socket_, -1)) {}
  Worker& operator=(Worker&&) = delete;

  /// Closes its socket, which makes it exit, and waits.
  void finish() {
    ::close(std::exchange(socket_, -1));
    wait();
  }
  /// Describes how the process exited.
  std::string wait() { return wait_for(std::exchange(pid_, -1)).text; }

  int socket() const { return socket_; }

  std::optional<std::size_t> job;
  LineReader lines;

 private:
  pid_t pid_ = -1;
  int socket_ = -1;
};

}  // namespace

std::vector<std::string> own_arguments() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> out;
  std::string argument;
  while (std::getline(in, argument, '\0')) out.push_back(argument);
  if (!out.empty()) out.erase(out.begin());
  return out;
}

bool WorkerPool::run(const Json& setup, const std::vector<Json>& jobs, const Events& events) const {
  if (jobs.empty()) return true;
  const SignalWatch watch;
  std::vector<Worker> pool;
  const auto count = std::min<std::size_t>(static_cast<std::size_t>(std::max(1, workers)), jobs.size());
  pool.reserve(count);
  std::size_t next = 0;
  std::size_t open = jobs.size();
  // A failed write is detected when reading from the worker.
  const auto give_job = [&](Worker& worker) {
    worker.job.reset();
    if (next >= jobs.size()) return;
    worker.job = next++;
    send_line(worker.socket(), jobs[*worker.job]);
  };
  for (std::size_t i = 0; i < count; ++i) {
    pool.emplace_back(command, static_cast<int>(count), threads);
    send_line(pool.back().socket(), setup);
    give_job(pool.back());
  }
  const auto take = [&](Worker& worker, const std::string& line) {
    const Json message = Json::parse(line, nullptr, false);
    if (!message.is_object()) throw Error("a worker process sent invalid JSON");
    if (const auto error = message.find("error"); error != message.end()) throw Error(error->get<std::string>());
    if (!worker.job) throw Error("a worker process sent a result without a job");
    if (const auto report = message.find("report"); report != message.end()) {
      if (events.report) events.report(*worker.job, *report);
      return;
    }
    if (events.done) events.done(*worker.job, message.at("result"));
    --open;
    give_job(worker);
  };
  while (open > 0) {
    std::vector<pollfd> sockets;
    for (const auto& worker : pool) sockets.push_back({worker.socket(), POLLIN, 0});
    constexpr int kTick = 500;  // ms
    const int ready = ::poll(sockets.data(), sockets.size(), kTick);
    if (interrupted != 0) return false;
    if (events.idle) events.idle();
    if (ready <= 0) continue;
    for (std::size_t i = 0; i < pool.size(); ++i) {
      if (sockets[i].revents == 0) continue;
      Worker& worker = pool[i];
      if (!worker.lines.receive(worker.socket())) throw Error("a worker process " + worker.wait());
      while (const auto line = worker.lines.line()) take(worker, *line);
    }
  }
  for (auto& worker : pool) worker.finish();
  return true;
}

void serve_jobs(const std::function<Job(const Json& setup)>& make_job) {
  // Ctrl-C is handled by the parent, which kills its workers; they also exit when it dies.
  std::signal(SIGINT, SIG_IGN);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  constexpr int kSocket = STDIN_FILENO;
  LineReader lines;
  const auto next = [&]() -> std::optional<Json> {
    while (true) {
      if (const auto line = lines.line()) return Json::parse(*line);
      if (!lines.receive(kSocket)) return std::nullopt;
    }
  };
  try {
    const auto setup = next();
    if (!setup) throw Error("this command is for worker processes: it reads its jobs from a socket");
    const auto job = make_job(*setup);
    while (const auto input = next()) {
      const auto result = job(*input, [&](const Json& report) { send_line(kSocket, {{"report", report}}); });
      if (!send_line(kSocket, {{"result", result}})) return;
    }
  } catch (const std::exception& error) {
    // The parent shows it. If it cannot be sent, the parent is gone.
    if (!send_line(kSocket, {{"error", printable(error.what(), 1000)}})) throw;
  }
}

}  // namespace deer::cli
