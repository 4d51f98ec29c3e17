// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/serve/address.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/base/error.h"

namespace deer {
namespace {

constexpr const char* kExpected = "expected HOST:PORT, [IPV6]:PORT or unix:PATH";

bool is_loopback(const std::string& host) {
  in_addr v4{};
  in6_addr v6{};
  constexpr std::uint32_t kLoopbackNet = 127;
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == kLoopbackNet;
  if (::inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return host == "localhost";
}

sockaddr_un socket_address(const std::filesystem::path& socket) {
  sockaddr_un out{};
  out.sun_family = AF_UNIX;
  std::strncpy(out.sun_path, socket.c_str(), sizeof out.sun_path - 1);
  return out;
}

}  // namespace

ServeAddress ServeAddress::parse(const std::string& text) {
  constexpr std::string_view kUnix = "unix:";
  constexpr int kMostPort = 65535;
  const auto fail = [&](const std::string& problem) -> ServeAddress {
    throw Error("address '" + printable(text) + "': " + problem);
  };
  if (text.starts_with(kUnix)) {
    auto path = text.substr(kUnix.size());
    if (path.starts_with("//")) path = path.substr(2);
    if (path.empty()) return fail("names no socket; expected unix:PATH");
    const auto socket = std::filesystem::absolute(path).lexically_normal();
    if (socket.native().size() >= sizeof(sockaddr_un::sun_path)) {
      return fail("the path has " + std::to_string(socket.native().size()) + " bytes, a socket's has at most " +
                  std::to_string(sizeof(sockaddr_un::sun_path) - 1));
    }
    return {std::string(kUnix) + socket.string(), socket, true};
  }
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return fail(kExpected);
  auto host = text.substr(0, colon);
  const auto port = text.substr(colon + 1);
  const bool is_number = !port.empty() && port.size() <= 5 &&
                         std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number || std::stoi(port) > kMostPort) {
    return fail("the port is '" + printable(port) + "', expected 0 to " + std::to_string(kMostPort));
  }
  if (host.front() == '[') {
    if (host.back() != ']' || host.size() < 3) return fail(kExpected);
    host = host.substr(1, host.size() - 2);
    in6_addr v6{};
    if (::inet_pton(AF_INET6, host.c_str(), &v6) != 1) return fail(kExpected);
  } else if (const auto bad = host.find_first_of(":/[] \t\n"); bad != std::string::npos) {
    return fail(kExpected);
  }
  return {text, {}, is_loopback(host)};
}

std::string read_token(const std::filesystem::path& file) {
  constexpr std::size_t kMost = 4096;
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) throw FileError(file, "cannot be read: " + std::string(std::strerror(errno)));
  if (!S_ISREG(status.st_mode)) throw FileError(file, "is not a file, expected one that holds the token");
  if ((status.st_mode & (S_IRGRP | S_IROTH)) != 0) {
    throw FileError(file, "can be read by others, expected a token that only its owner may read (chmod 600)");
  }
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!line.empty() && is_space(line.back())) line.pop_back();
  line.erase(0, static_cast<std::size_t>(std::find_if_not(line.begin(), line.end(), is_space) - line.begin()));
  if (line.empty()) throw FileError(file, "holds no token in its first line");
  if (line.size() > kMost) throw FileError(file, "holds a token of more than 4096 bytes");
  const auto is_visible = [](char c) { return c > ' ' && c < 0x7F; };
  if (!std::all_of(line.begin(), line.end(), is_visible)) {
    throw FileError(file, "holds a token with characters other than visible ASCII");
  }
  return line;
}

std::string read_pem(const std::filesystem::path& file, std::string_view kind) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  if (!in || !std::filesystem::is_regular_file(file) || !(out << in.rdbuf())) throw FileError(file, "cannot be read");
  auto text = out.str();
  // Keys have the name of their algorithm before it.
  if (text.find("-----BEGIN ") == std::string::npos || text.find(std::string(kind) + "-----") == std::string::npos) {
    throw FileError(file, "holds no PEM block, expected one of " + std::string(kind));
  }
  return text;
}

bool answers(const std::filesystem::path& socket) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const auto address = socket_address(socket);
  const bool out = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return out;
}

}  // namespace deer
