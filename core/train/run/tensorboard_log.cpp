// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/run/tensorboard_log.h"

#include <unistd.h>

#include <bit>
#include <chrono>
#include <ctime>

#include "core/base/bytes.h"
#include "core/base/crc.h"
#include "core/base/error.h"

namespace deer {
namespace {

template <typename T>
std::string fixed(T value) {
  std::string out;
  put_number(out, value);
  return out;
}

// Protocol buffers: a field is its number and wire type, then the value.
enum Wire : unsigned { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}

std::string tag(unsigned field, Wire wire) { return varint(field << 3 | wire); }

std::string bytes_field(unsigned field, const std::string& content) {
  return tag(field, kBytes) + varint(content.size()) + content;
}

// Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
std::string event(std::int64_t step, unsigned field, const std::string& content) {
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return tag(1, kFixed64) + fixed(std::bit_cast<std::uint64_t>(now)) + tag(2, kVarint) +
         varint(static_cast<std::uint64_t>(step)) + bytes_field(field, content);
}

std::string host_name() {
  char name[256] = "localhost";
  ::gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace

TensorboardLog::TensorboardLog(const std::filesystem::path& folder)
    : file_(folder / ("events.out.tfevents." + std::to_string(std::time(nullptr)) + "." + host_name() + "." +
                      std::to_string(::getpid()))),
      out_(file_, std::ios::binary) {
  constexpr unsigned kFileVersion = 3;
  write(event(0, kFileVersion, "brain.Event:2"));
}

void TensorboardLog::add(std::int64_t step, const std::vector<std::string>& names, const std::vector<double>& values) {
  // Summary { repeated Value value = 1; }, Value { string tag = 1; float simple_value = 2; }
  std::string summary;
  for (std::size_t i = 0; i < names.size() && i < values.size(); ++i) {
    const auto number = std::bit_cast<std::uint32_t>(static_cast<float>(values[i]));
    summary += bytes_field(1, bytes_field(1, names[i]) + tag(2, kFixed32) + fixed(number));
  }
  constexpr unsigned kSummary = 5;
  write(event(step, kSummary, summary));
}

// TFRecord: length, its checksum, content, its checksum.
void TensorboardLog::write(const std::string& content) {
  const auto masked = [](const std::string& bytes) {
    const auto crc = crc32c_of(std::as_bytes(std::span(bytes)));
    return fixed(((crc >> 15) | (crc << 17)) + 0xa282ead8U);
  };
  const auto length = fixed(static_cast<std::uint64_t>(content.size()));
  out_ << length << masked(length) << content << masked(content) << std::flush;
  if (!out_) throw FileError(file_, "cannot be written (is the disk full?)");
}

}  // namespace deer
