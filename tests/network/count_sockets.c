// SPDX-License-Identifier: GPL-3.0-or-later
// Preloaded into a program, notes every internet socket that it opens, one line each, in the file DEER_SOCKETS.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int socket(int domain, int type, int protocol) {
  const char* const file = getenv("DEER_SOCKETS");
  if (file != NULL && (domain == AF_INET || domain == AF_INET6)) {
    char line[96];
    const int size =
        snprintf(line, sizeof line, "process %d: socket of domain %d, type %d\n", (int)getpid(), domain, type);
    const int out = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (out >= 0) {
      if (write(out, line, (size_t)size) < 0) abort();
      close(out);
    }
  }
  int (*const real)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
  return real(domain, type, protocol);
}
