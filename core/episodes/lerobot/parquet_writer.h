// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace deer {

/// Rows of a column to be written.
struct ParquetRows {
  enum class Type {
    integer,   ///< int64
    real,      ///< double
    single,    ///< float
    singles,   ///< list of `width` floats, of fixed size
    reals,     ///< list of `width` doubles
    integers,  ///< list of `width` int64
    channels,  ///< list of `width` lists with a list with a double: numbers of an image's channels
    text,
    texts,    ///< list of texts
    picture,  ///< the contents of an image file, as a struct with "bytes" and "path"
  };

  std::string name;
  Type type = Type::real;
  std::size_t width = 1;                ///< numbers a row
  std::vector<double> numbers;          ///< row after row
  std::vector<std::string> text;        ///< of text and picture: one a row; of texts: all, row after row
  std::vector<std::size_t> text_count;  ///< of texts: how many in each row
};

/// Writes a Parquet file with Apache Arrow, group of rows by group of rows. The file has a temporary name until
/// close(). Where the program was built without Arrow, making one throws Error that says so. One thread at a time.
class ParquetWriter {
 public:
  /// `pandas` is pandas' description of the table as JSON; empty: none. Throws FileError.
  explicit ParquetWriter(std::filesystem::path path, std::string pandas = {});
  /// Without close(), the temporary file is removed.
  ~ParquetWriter();
  ParquetWriter(const ParquetWriter&) = delete;
  ParquetWriter& operator=(const ParquetWriter&) = delete;

  /// A group of `rows` rows; every call brings the same columns. Throws FileError.
  void write(const std::vector<ParquetRows>& columns, std::size_t rows);
  /// Completes the file. Throws FileError, also if nothing was written.
  void close();

 private:
  class Private;
  std::unique_ptr<Private> d_;
};

}  // namespace deer
