// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/mapped_file.h"

namespace deer {

/// A record of a TFRecord file: where its data are.
struct TfRecord {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

struct TfRecords {
  std::vector<TfRecord> records;
  std::string damage;  ///< why the file ends behind them, "record 4 is cut short"; empty: it is whole
};

/// Finds the records of a file, whose lengths carry checksums; data are not read. Throws FileError for a file that is
/// compressed or none, or whose first record is damaged.
TfRecords scan_tf_records(const MappedFile& file);

/// The data of a record, checked. Throws FileError.
std::span<const std::byte> tf_record_data(const MappedFile& file, const TfRecord& record);

/// A checksum as TFRecord files store it.
std::uint32_t masked_crc32c(std::span<const std::byte> bytes);

}  // namespace deer
