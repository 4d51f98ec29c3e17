// SPDX-License-Identifier: GPL-3.0-or-later
// In place of parquet_writer.cpp where there is no Apache Arrow.
#include "core/base/error.h"
#include "core/episodes/lerobot/parquet_writer.h"

namespace deer {

class ParquetWriter::Private {};

ParquetWriter::ParquetWriter(std::filesystem::path path, std::string) {
  throw FileError(path,
                  "is a Parquet file, which this build cannot write: Apache Arrow was not there when it was built "
                  "(packaging/setup.sh fetches it; then build again)");
}
ParquetWriter::~ParquetWriter() = default;
void ParquetWriter::write(const std::vector<ParquetRows>&, std::size_t) {}
void ParquetWriter::close() {}

}  // namespace deer
