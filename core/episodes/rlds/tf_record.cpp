// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/rlds/tf_record.h"

#include "core/base/bytes.h"
#include "core/base/crc.h"
#include "core/base/error.h"

namespace deer {
namespace {

// Length (8), its checksum (4), data, their checksum (4).
constexpr std::uint64_t kRecordHead = 12;
constexpr std::uint64_t kRecordTail = 4;
constexpr std::size_t kMaxRecords = 10'000'000;

}  // namespace

std::uint32_t masked_crc32c(std::span<const std::byte> bytes) {
  const auto crc = crc32c_of(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8U;
}

TfRecords scan_tf_records(const MappedFile& file) {
  const auto bytes = file.bytes();
  if (bytes.size() >= 2 && bytes[0] == std::byte{0x1F} && bytes[1] == std::byte{0x8B}) {
    throw FileError(file.path(), "is compressed with gzip, expected a plain TFRecord file (gunzip it)");
  }
  TfRecords out;
  for (std::uint64_t at = 0; at < bytes.size() && out.damage.empty();) {
    const auto left = bytes.size() - at;
    const auto name = "record " + std::to_string(out.records.size());
    if (left < kRecordHead + kRecordTail) {
      out.damage = name + " is cut short";
      break;
    }
    const auto size = get_number<std::uint64_t>(bytes, at);
    if (masked_crc32c(bytes.subspan(at, 8)) != get_number<std::uint32_t>(bytes, at + 8)) {
      out.damage = name + " has a length with a wrong checksum" + (at == 0 ? " (no TFRecord file?)" : "");
    } else if (size > left - kRecordHead - kRecordTail) {
      out.damage = name + " is cut short";
    } else {
      if (out.records.size() >= kMaxRecords) throw FileError(file.path(), "has too many records");
      out.records.push_back({at + kRecordHead, size});
      at += kRecordHead + size + kRecordTail;
    }
  }
  if (out.records.empty() && !out.damage.empty()) throw FileError(file.path(), out.damage);
  return out;
}

std::span<const std::byte> tf_record_data(const MappedFile& file, const TfRecord& record) {
  const auto data = file.range(record.offset, record.size, "a record");
  const auto tail = file.range(record.offset + record.size, kRecordTail, "a checksum");
  if (masked_crc32c(data) != get_number<std::uint32_t>(tail)) {
    throw FileError(file.path(),
                    "the record at byte " + std::to_string(record.offset) + " has a wrong checksum (damaged?)");
  }
  return data;
}

}  // namespace deer
