// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QTemporaryDir>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/base/error.h"

namespace deer::test {

/// A folder that lives as long as the object.
class TemporaryFolder {
 public:
  std::filesystem::path path() const { return dir_.path().toStdString(); }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path() / name; }

  /// Writes a file, making its folders.
  std::filesystem::path write(const std::filesystem::path& name, std::span<const std::byte> bytes) const {
    const auto file = path() / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream out(file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    out.close();
    if (!out) throw std::runtime_error("cannot write " + file.string());
    return file;
  }
  std::filesystem::path write(const std::filesystem::path& name, std::string_view text) const {
    return write(name, std::as_bytes(std::span(text)));
  }

 private:
  QTemporaryDir dir_;
};

/// The message of the deer::Error that `f` throws; empty if it throws nothing. Anything else passes
/// through and fails the test, and so does a message of more than one line.
template <typename F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    const std::string message = error.what();
    if (message.empty() || message.find('\n') != std::string::npos)
      throw std::runtime_error("not one line: " + message);
    return message;
  }
  return {};
}

}  // namespace deer::test

/// Fails with the message found if it is not one with `part` in it.
#define DEER_VERIFY_ERROR(statement, part)                                                                        \
  do {                                                                                                            \
    const std::string found_message_ = deer::test::error_of([&] { (void)(statement); });                          \
    QVERIFY2(found_message_.find(part) != std::string::npos,                                                      \
             ("expected an error with \"" + std::string(part) + "\", found \"" + found_message_ + "\"").c_str()); \
  } while (false)
