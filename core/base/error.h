// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

namespace deer {

/// Base of every exception that the engine throws on purpose. what() is one line that the user can act on: what
/// happened, where, what was expected.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Something is wrong with a file. what() begins with its path.
class FileError : public Error {
 public:
  FileError(const std::filesystem::path& path, std::string_view problem);
};

/// Work was stopped on request. Not a failure: callers return quietly.
class Cancelled : public Error {
 public:
  Cancelled() : Error("cancelled") {}
};

/// The device has too little memory. Carries the figures for the message and for suggestions.
class OutOfMemory : public Error {
 public:
  using Error::Error;
};

/// `text` in one line of printable characters, at most `limit` bytes, for quoting input in messages.
std::string printable(std::string_view text, std::size_t limit = 80);

}  // namespace deer
