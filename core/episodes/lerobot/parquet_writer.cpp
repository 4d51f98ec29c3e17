// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/lerobot/parquet_writer.h"

#include <arrow/array/builder_binary.h>
#include <arrow/array/builder_nested.h>
#include <arrow/array/builder_primitive.h>
#include <arrow/io/file.h>
#include <arrow/memory_pool.h>
#include <arrow/table.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>
#include <parquet/properties.h>

#include <cstdint>
#include <functional>
#include <system_error>
#include <utility>

#include "core/base/error.h"

namespace deer {
namespace {

using Type = ParquetRows::Type;
using ArrayPtr = std::shared_ptr<arrow::Array>;

void must(const arrow::Status& status) {
  if (!status.ok()) throw Error(status.message());
}

template <typename T>
T must(arrow::Result<T> result) {
  must(result.status());
  return std::move(result).ValueUnsafe();
}

arrow::MemoryPool* writer_pool() { return arrow::system_memory_pool(); }

ArrayPtr array_of(arrow::ArrayBuilder& builder) {
  ArrayPtr out;
  must(builder.Finish(&out));
  return out;
}

template <typename Builder>
ArrayPtr plain_array(const std::vector<double>& numbers) {
  Builder builder(writer_pool());
  for (const double one : numbers) must(builder.Append(static_cast<typename Builder::value_type>(one)));
  return array_of(builder);
}

template <typename Builder, typename Lists>
ArrayPtr list_array(const ParquetRows& column, std::size_t rows, Lists& lists, Builder& inner) {
  for (std::size_t row = 0; row < rows; ++row) {
    must(lists.Append());
    for (std::size_t i = 0; i < column.width; ++i) {
      must(inner.Append(static_cast<typename Builder::value_type>(column.numbers[row * column.width + i])));
    }
  }
  return array_of(lists);
}

template <typename Builder>
ArrayPtr list_array(const ParquetRows& column, std::size_t rows) {
  const auto inner = std::make_shared<Builder>(writer_pool());
  arrow::ListBuilder lists(writer_pool(), inner);
  return list_array(column, rows, lists, *inner);
}

ArrayPtr fixed_array(const ParquetRows& column, std::size_t rows) {
  const auto inner = std::make_shared<arrow::FloatBuilder>(writer_pool());
  arrow::FixedSizeListBuilder lists(writer_pool(), inner, static_cast<std::int32_t>(column.width));
  return list_array(column, rows, lists, *inner);
}

ArrayPtr channel_array(const ParquetRows& column, std::size_t rows) {
  const auto numbers = std::make_shared<arrow::DoubleBuilder>(writer_pool());
  const auto innermost = std::make_shared<arrow::ListBuilder>(writer_pool(), numbers);
  const auto inner = std::make_shared<arrow::ListBuilder>(writer_pool(), innermost);
  arrow::ListBuilder lists(writer_pool(), inner);
  for (std::size_t row = 0; row < rows; ++row) {
    must(lists.Append());
    for (std::size_t i = 0; i < column.width; ++i) {
      must(inner->Append());
      must(innermost->Append());
      must(numbers->Append(column.numbers[row * column.width + i]));
    }
  }
  return array_of(lists);
}

ArrayPtr text_array(const ParquetRows& column, std::size_t rows) {
  const auto texts = std::make_shared<arrow::StringBuilder>(writer_pool());
  if (column.type == Type::text) {
    for (const auto& one : column.text) must(texts->Append(one));
    return array_of(*texts);
  }
  arrow::ListBuilder lists(writer_pool(), texts);
  std::size_t next = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    must(lists.Append());
    for (std::size_t i = 0; i < column.text_count[row]; ++i) must(texts->Append(column.text[next++]));
  }
  return array_of(lists);
}

ArrayPtr picture_array(const ParquetRows& column) {
  const auto bytes = std::make_shared<arrow::BinaryBuilder>(writer_pool());
  const auto path = std::make_shared<arrow::StringBuilder>(writer_pool());
  arrow::StructBuilder pictures(
      arrow::struct_({arrow::field("bytes", arrow::binary()), arrow::field("path", arrow::utf8())}), writer_pool(),
      {bytes, path});
  for (const auto& one : column.text) {
    must(pictures.Append());
    must(bytes->Append(one));
    must(path->AppendNull());
  }
  return array_of(pictures);
}

ArrayPtr column_array(const ParquetRows& column, std::size_t rows) {
  switch (column.type) {
    case Type::integer:
      return plain_array<arrow::Int64Builder>(column.numbers);
    case Type::real:
      return plain_array<arrow::DoubleBuilder>(column.numbers);
    case Type::single:
      return plain_array<arrow::FloatBuilder>(column.numbers);
    case Type::singles:
      return fixed_array(column, rows);
    case Type::reals:
      return list_array<arrow::DoubleBuilder>(column, rows);
    case Type::integers:
      return list_array<arrow::Int64Builder>(column, rows);
    case Type::channels:
      return channel_array(column, rows);
    case Type::text:
    case Type::texts:
      return text_array(column, rows);
    case Type::picture:
      return picture_array(column);
  }
  throw Error("a column has an unknown type");
}

}  // namespace

class ParquetWriter::Private {
 public:
  std::filesystem::path path, part;
  std::string pandas;
  std::shared_ptr<arrow::io::FileOutputStream> file;
  std::unique_ptr<parquet::arrow::FileWriter> writer;
  bool kept = false;

  template <typename Work>
  void guarded(Work work) const {
    try {
      work();
    } catch (const FileError&) {
      throw;
    } catch (const std::exception& error) {
      throw FileError(path, std::string("cannot be written: ") + error.what());
    }
  }

  void open(const std::shared_ptr<arrow::Schema>& schema) {
    file = must(arrow::io::FileOutputStream::Open(part.string()));
    const auto properties = parquet::WriterProperties::Builder().compression(parquet::Compression::SNAPPY)->build();
    const auto arrow_properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    writer = must(parquet::arrow::FileWriter::Open(*schema, writer_pool(), file, properties, arrow_properties));
  }
};

ParquetWriter::ParquetWriter(std::filesystem::path path, std::string pandas) : d_(std::make_unique<Private>()) {
  d_->path = std::move(path);
  d_->part = d_->path;
  d_->part += ".part";
  d_->pandas = std::move(pandas);
  std::error_code error;
  std::filesystem::create_directories(d_->path.parent_path(), error);
  if (error) throw FileError(d_->path.parent_path(), "cannot make the folder: " + error.message());
}

ParquetWriter::~ParquetWriter() {
  if (d_->kept) return;
  d_->writer.reset();
  if (d_->file) (void)d_->file->Close();
  std::error_code none;
  std::filesystem::remove(d_->part, none);
}

void ParquetWriter::write(const std::vector<ParquetRows>& columns, std::size_t rows) {
  if (rows == 0) return;
  d_->guarded([&] {
    arrow::FieldVector fields;
    arrow::ArrayVector arrays;
    for (const auto& column : columns) {
      arrays.push_back(column_array(column, rows));
      fields.push_back(arrow::field(column.name, arrays.back()->type()));
    }
    auto schema = arrow::schema(fields);
    if (!d_->pandas.empty()) schema = schema->WithMetadata(arrow::key_value_metadata({"pandas"}, {d_->pandas}));
    if (!d_->writer) d_->open(schema);
    const auto table = arrow::Table::Make(schema, arrays, static_cast<std::int64_t>(rows));
    must(d_->writer->WriteTable(*table, static_cast<std::int64_t>(rows)));
  });
}

void ParquetWriter::close() {
  d_->guarded([&] {
    if (!d_->writer) throw Error("it has no rows");
    must(d_->writer->Close());
    must(d_->file->Close());
    std::filesystem::rename(d_->part, d_->path);
    d_->kept = true;
  });
}

}  // namespace deer
