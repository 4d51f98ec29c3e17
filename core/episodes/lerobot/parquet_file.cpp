// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/lerobot/parquet_file.h"

#include <arrow/array.h>
#include <arrow/chunked_array.h>
#include <arrow/io/file.h>
#include <arrow/memory_pool.h>
#include <arrow/table.h>
#include <arrow/util/config.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>
#include <parquet/column_reader.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "core/base/error.h"
#include "core/base/lfs_pointer.h"
#include "core/base/utf8.h"

namespace deer {
namespace {

constexpr std::int64_t kMostParquetMemory = std::int64_t{4} << 30;
constexpr std::size_t kMostParquetNumbers = std::size_t{1} << 27;
constexpr std::size_t kMaxParquetColumns = 10'000;
constexpr std::size_t kMaxParquetPicture = std::size_t{256} << 20;

// A file may claim any size: what it may make us reserve is bounded.
class BoundedPool final : public arrow::MemoryPool {
 public:
  arrow::Status Allocate(std::int64_t size, std::int64_t alignment, std::uint8_t** out) override {
    if (size > kMostParquetMemory - below_->bytes_allocated()) return too_large(size);
    return below_->Allocate(size, alignment, out);
  }
  arrow::Status Reallocate(std::int64_t old_size, std::int64_t new_size, std::int64_t alignment,
                           std::uint8_t** pointer) override {
    if (new_size - old_size > kMostParquetMemory - below_->bytes_allocated()) return too_large(new_size);
    return below_->Reallocate(old_size, new_size, alignment, pointer);
  }
  void Free(std::uint8_t* buffer, std::int64_t size, std::int64_t alignment) override {
    below_->Free(buffer, size, alignment);
  }
  std::int64_t bytes_allocated() const override { return below_->bytes_allocated(); }
  std::int64_t max_memory() const override { return below_->max_memory(); }
  std::int64_t total_bytes_allocated() const override { return below_->total_bytes_allocated(); }
  std::int64_t num_allocations() const override { return below_->num_allocations(); }
  std::string backend_name() const override { return below_->backend_name(); }

 private:
  static arrow::Status too_large(std::int64_t size) {
    return arrow::Status::OutOfMemory("needs ", size >> 20, " MiB at once, more than is allowed");
  }
  arrow::MemoryPool* below_ = arrow::system_memory_pool();
};

BoundedPool& pool() {
  static BoundedPool one;
  return one;
}

void check(const arrow::Status& status) {
  if (!status.ok()) throw Error(status.message());
}

template <typename T>
T take(arrow::Result<T> result) {
  check(result.status());
  return std::move(result).ValueUnsafe();
}

// Numbers of a row, whatever their type; lists one level or more deep.
void append(const arrow::Array& array, std::int64_t row, std::vector<double>& out) {
  if (out.size() >= kMostParquetNumbers) throw Error("has too many numbers to be shown");
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const auto list = [&](const auto& of) {
    if (of.IsNull(row)) return;
    for (auto i = of.value_offset(row); i < of.value_offset(row) + of.value_length(row); ++i)
      append(*of.values(), i, out);
  };
  const auto number = [&](const auto& of) {
    out.push_back(of.IsNull(row) ? kNone : static_cast<double>(of.Value(row)));
  };
  switch (array.type_id()) {
    case arrow::Type::LIST:
      return list(static_cast<const arrow::ListArray&>(array));
    case arrow::Type::LARGE_LIST:
      return list(static_cast<const arrow::LargeListArray&>(array));
    case arrow::Type::FIXED_SIZE_LIST:
      return list(static_cast<const arrow::FixedSizeListArray&>(array));
    case arrow::Type::FLOAT:
      return number(static_cast<const arrow::FloatArray&>(array));
    case arrow::Type::DOUBLE:
      return number(static_cast<const arrow::DoubleArray&>(array));
    case arrow::Type::BOOL:
      return number(static_cast<const arrow::BooleanArray&>(array));
    case arrow::Type::INT8:
      return number(static_cast<const arrow::Int8Array&>(array));
    case arrow::Type::INT16:
      return number(static_cast<const arrow::Int16Array&>(array));
    case arrow::Type::INT32:
      return number(static_cast<const arrow::Int32Array&>(array));
    case arrow::Type::INT64:
      return number(static_cast<const arrow::Int64Array&>(array));
    case arrow::Type::UINT8:
      return number(static_cast<const arrow::UInt8Array&>(array));
    case arrow::Type::UINT16:
      return number(static_cast<const arrow::UInt16Array&>(array));
    case arrow::Type::UINT32:
      return number(static_cast<const arrow::UInt32Array&>(array));
    case arrow::Type::UINT64:
      return number(static_cast<const arrow::UInt64Array&>(array));
    default:
      throw Error("holds " + array.type()->ToString() + ", expected numbers");
  }
}

void append(const arrow::Array& array, std::int64_t row, std::string& out) {
  const auto text = [&](std::string_view value) {
    if (!out.empty()) out += "; ";
    out += printable(valid_utf8(value.substr(0, 4000)), 4000);
  };
  const auto list = [&](const auto& of) {
    for (auto i = of.value_offset(row); i < of.value_offset(row) + of.value_length(row); ++i)
      append(*of.values(), i, out);
  };
  if (array.IsNull(row)) return;
  switch (array.type_id()) {
    case arrow::Type::STRING:
      return text(static_cast<const arrow::StringArray&>(array).GetView(row));
    case arrow::Type::LARGE_STRING:
      return text(static_cast<const arrow::LargeStringArray&>(array).GetView(row));
    case arrow::Type::LIST:
      return list(static_cast<const arrow::ListArray&>(array));
    case arrow::Type::LARGE_LIST:
      return list(static_cast<const arrow::LargeListArray&>(array));
    case arrow::Type::FIXED_SIZE_LIST:
      return list(static_cast<const arrow::FixedSizeListArray&>(array));
    default:
      throw Error("holds " + array.type()->ToString() + ", expected text");
  }
}

ParquetFile::Kind kind_of(const arrow::DataType& type) {
  using Kind = ParquetFile::Kind;
  switch (type.id()) {
    case arrow::Type::FLOAT:
    case arrow::Type::DOUBLE:
    case arrow::Type::BOOL:
    case arrow::Type::INT8:
    case arrow::Type::INT16:
    case arrow::Type::INT32:
    case arrow::Type::INT64:
    case arrow::Type::UINT8:
    case arrow::Type::UINT16:
    case arrow::Type::UINT32:
    case arrow::Type::UINT64:
      return Kind::numbers;
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
      return Kind::text;
    case arrow::Type::BINARY:
      return Kind::picture;
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::FIXED_SIZE_LIST: {
      const auto inner = kind_of(*type.field(0)->type());
      return inner == Kind::picture ? Kind::other : inner;
    }
    case arrow::Type::STRUCT: {
      const auto field = static_cast<const arrow::StructType&>(type).GetFieldByName("bytes");
      return field && field->type()->id() == arrow::Type::BINARY ? Kind::picture : Kind::other;
    }
    default:
      return Kind::other;
  }
}

void add_leaves(const parquet::arrow::SchemaField& field, std::vector<int>& out) {
  if (field.is_leaf()) out.push_back(field.column_index);
  for (const auto& child : field.children) add_leaves(child, out);
}

}  // namespace

class ParquetFile::Private {
 public:
  explicit Private(std::filesystem::path file) : path(std::move(file)) {}

  // Runs `f`; failures name the file and, if there is one, the column.
  template <typename F>
  auto guarded(const std::string& column, F&& f) const {
    const std::lock_guard lock(mutex);
    std::string problem;
    try {
      return f();
    } catch (const Error& error) {
      problem = error.what();
    } catch (const parquet::ParquetException& error) {
      problem = error.what();
    } catch (const std::bad_alloc&) {
      problem = "needs too much memory";
    }
    throw FileError(path,
                    (column.empty() ? "cannot be read as Parquet: " : "'" + printable(column) + "' cannot be read: ") +
                        printable(problem, 300));
  }

  // Passes each row of [first, first + count) with the array that it is in.
  void visit(const std::string& column, std::int64_t first, std::int64_t count,
             const std::function<void(const arrow::Array&, std::int64_t)>& row) const {
    if (first < 0 || count < 0 || first > rows - count) {
      throw Error("has " + std::to_string(rows) + " rows, expected " + std::to_string(first + count));
    }
    const auto leaves = leaves_of.find(column);
    if (leaves == leaves_of.end()) throw Error("is missing");
    std::vector<int> groups;
    std::int64_t skipped = -1;
    std::int64_t at = 0;
    std::int64_t bytes = 0;
    const auto metadata = reader->parquet_reader()->metadata();
    for (int i = 0; i < metadata->num_row_groups(); ++i) {
      const auto group = metadata->RowGroup(i);
      const auto size = group->num_rows();
      if (at + size > first && at < first + count) {
        if (skipped < 0) skipped = first - at;
        groups.push_back(i);
        for (const int leaf : leaves->second) bytes += group->ColumnChunk(leaf)->total_uncompressed_size();
      }
      at += size;
    }
    if (count == 0) return;
    if (bytes > kMostParquetMemory)
      throw Error("has row groups of " + std::to_string(bytes >> 20) + " MiB, which is too large");
#if ARROW_VERSION_MAJOR >= 24
    const auto table = take(reader->ReadRowGroups(groups, leaves->second));
#else
    std::shared_ptr<arrow::Table> table;
    check(reader->ReadRowGroups(groups, leaves->second, &table));
#endif
    if (table->num_columns() != 1 || table->num_rows() < skipped + count)
      throw Error("is shorter than its description");
    std::int64_t place = 0;
    for (const auto& chunk : table->column(0)->chunks()) {
      const auto begin = std::max<std::int64_t>(skipped - place, 0);
      const auto end = std::min(chunk->length(), skipped + count - place);
      if (begin < end) check(chunk->ValidateFull());
      for (auto i = begin; i < end; ++i) row(*chunk, i);
      place += chunk->length();
    }
  }

  // Where the pictures of a column are being read.
  struct Cursor {
    int group = -1;
    std::int64_t next = 0;  // row of the file
    std::shared_ptr<parquet::ColumnReader> reader;
  };

  void go_to_group(Cursor& cursor, int leaf, std::int64_t row) const {
    const auto metadata = reader->parquet_reader()->metadata();
    std::int64_t at = 0;
    for (int i = 0; i < metadata->num_row_groups(); ++i) {
      const auto size = metadata->RowGroup(i)->num_rows();
      if (row < at + size) {
        if (cursor.group == i && cursor.next <= row && cursor.reader) return;
        cursor = {i, at, reader->parquet_reader()->RowGroup(i)->Column(leaf)};
        return;
      }
      at += size;
    }
    throw Error("has no row " + std::to_string(row));
  }

  std::filesystem::path path;
  mutable std::mutex mutex;
  std::unique_ptr<parquet::arrow::FileReader> reader;
  std::int64_t rows = 0;
  std::vector<Column> columns;
  std::map<std::string, std::vector<int>> leaves_of;
  mutable std::map<std::string, Cursor> cursors;
};

bool ParquetFile::is_available() { return true; }

ParquetFile::ParquetFile(const std::filesystem::path& path) : d_(std::make_unique<Private>(path)) {
  refuse_lfs_pointer(path);
  d_->guarded({}, [&] {
    auto file = take(arrow::io::ReadableFile::Open(path.string(), &pool()));
    parquet::arrow::FileReaderBuilder builder;
    check(builder.Open(std::move(file), parquet::ReaderProperties(&pool())));
    builder.memory_pool(&pool());
    check(builder.Build(&d_->reader));
    d_->rows = d_->reader->parquet_reader()->metadata()->num_rows();
    if (d_->rows < 0) throw Error("has " + std::to_string(d_->rows) + " rows");
    const auto& fields = d_->reader->manifest().schema_fields;
    if (fields.size() > kMaxParquetColumns) throw Error("has " + std::to_string(fields.size()) + " columns");
    for (const auto& field : fields) {
      d_->columns.push_back({valid_utf8(field.field->name()), kind_of(*field.field->type())});
      add_leaves(field, d_->leaves_of[d_->columns.back().name]);
    }
  });
}

ParquetFile::~ParquetFile() = default;

const std::filesystem::path& ParquetFile::path() const { return d_->path; }
std::int64_t ParquetFile::rows() const { return d_->rows; }
const std::vector<ParquetFile::Column>& ParquetFile::columns() const { return d_->columns; }

const ParquetFile::Column* ParquetFile::find(const std::string& name) const {
  const auto found =
      std::find_if(d_->columns.begin(), d_->columns.end(), [&](const Column& column) { return column.name == name; });
  return found == d_->columns.end() ? nullptr : &*found;
}

ParquetNumbers ParquetFile::numbers(const std::string& column, std::int64_t first, std::int64_t count) const {
  return d_->guarded(column, [&] {
    constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
    ParquetNumbers out;
    std::int64_t done = 0;
    d_->visit(column, first, count, [&](const arrow::Array& array, std::int64_t row) {
      const auto before = out.values.size();
      append(array, row, out.values);
      const auto width = out.values.size() - before;
      if (width > 0 && out.width == 0) {
        out.width = width;  // rows before were null
        if (static_cast<std::size_t>(done) > kMostParquetNumbers / width)
          throw Error("has too many numbers to be shown");
        out.values.insert(out.values.begin(), static_cast<std::size_t>(done) * width, kNone);
      }
      ++done;
      if (width == 0) {
        out.values.resize(before + out.width, kNone);
      } else if (width != out.width) {
        throw Error("has " + std::to_string(width) + " numbers in row " + std::to_string(first + done - 1) +
                    ", expected " + std::to_string(out.width));
      }
    });
    return out;
  });
}

std::vector<std::string> ParquetFile::texts(const std::string& column, std::int64_t first, std::int64_t count) const {
  return d_->guarded(column, [&] {
    std::vector<std::string> out;
    d_->visit(column, first, count,
              [&](const arrow::Array& array, std::int64_t row) { append(array, row, out.emplace_back()); });
    return out;
  });
}

std::vector<std::uint8_t> ParquetFile::picture(const std::string& column, std::int64_t row) const {
  return d_->guarded(column, [&] {
    const auto& fields = d_->reader->manifest().schema_fields;
    const auto field = std::find_if(fields.begin(), fields.end(),
                                    [&](const auto& item) { return valid_utf8(item.field->name()) == column; });
    if (field == fields.end()) throw Error("is missing");
    int leaf = field->column_index;
    for (const auto& child : field->children) {
      if (child.field->name() == "bytes") leaf = child.column_index;
    }
    const auto* const facts = d_->reader->parquet_reader()->metadata()->schema()->Column(std::max(leaf, 0));
    if (leaf < 0 || facts->physical_type() != parquet::Type::BYTE_ARRAY || facts->max_repetition_level() != 0) {
      throw Error("holds no pictures");
    }
    auto& cursor = d_->cursors[column];
    try {
      d_->go_to_group(cursor, leaf, row);
      auto& bytes = static_cast<parquet::ByteArrayReader&>(*cursor.reader);
      while (cursor.next < row) {
        const auto skipped = bytes.Skip(row - cursor.next);
        if (skipped <= 0) throw Error("ends before row " + std::to_string(row));
        cursor.next += skipped;
      }
      std::int16_t level = 0;
      parquet::ByteArray value;
      std::int64_t values = 0;
      if (bytes.ReadBatch(1, &level, nullptr, &value, &values) != 1) {
        throw Error("ends before row " + std::to_string(row));
      }
      ++cursor.next;
      if (values == 0) return std::vector<std::uint8_t>();
      if (value.len > kMaxParquetPicture) throw Error("has a picture of " + std::to_string(value.len) + " bytes");
      return std::vector<std::uint8_t>(value.ptr, value.ptr + value.len);
    } catch (...) {
      cursor = {};
      throw;
    }
  });
}

}  // namespace deer
