// SPDX-License-Identifier: GPL-3.0-or-later
// Opening a trace from an untrusted source: everything is checked before use.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/base/error.h"
#include "core/trace/hdf5/object_header.h"
#include "core/trace/hdf5/safe_file_driver.h"
#include "core/trace/trace_file.h"

namespace deer {

namespace fs = std::filesystem;
using namespace trace_format;

namespace {

constexpr std::size_t kMaxMetadata = std::size_t{16} << 20;  // bytes
constexpr hsize_t kMaxChunk = hsize_t{64} << 20;             // bytes
constexpr hsize_t kMaxTexts = hsize_t{1} << 24;

// Maximum bytes of one dataset, given the file size: a small file that claims many rows is
// not given the memory for them. Holes do not count, but file systems may compress.
hsize_t plausible_bytes(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return 0;
  constexpr hsize_t kBlock = 512;
  constexpr hsize_t kCompression = 16;
  constexpr hsize_t kAlways = hsize_t{1} << 20;
  return std::min(static_cast<hsize_t>(status.st_size),
                  kAlways + kCompression * kBlock * static_cast<hsize_t>(status.st_blocks));
}

}  // namespace

TraceFile TraceFile::open(const fs::path& file, bool for_writing) {
  RawHdf5(file).check_start();
  const auto held = h5::lock();
  TraceFile out;
  out.path_ = file;
  h5::Id access(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG);
  if (for_writing) {
    H5Pset_driver(access.get(), safe_file_driver(), nullptr);
    H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110);
  }
  out.file_ =
      h5::Id(H5Fopen(file.c_str(), for_writing ? H5F_ACC_RDWR | H5F_ACC_SWMR_WRITE : H5F_ACC_RDONLY, access.get()));
  if (!out.file_) throw FileError(file, "cannot be opened as HDF5: " + h5::last_error());
  out.check_group("/");
  out.read_metadata();

  out.count_ = out.open_dataset(kFrameCount, false, H5T_STD_I64LE, {});
  std::int64_t count = -1;
  if (out.rows_of(out.count_.get(), kFrameCount) != 1 ||
      H5Dread(out.count_.get(), H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &count) < 0) {
    throw FileError(file, "frame_count is not one number");
  }
  if (count < 0) throw FileError(file, "frame_count is " + std::to_string(count) + ", expected 0 or more");
  out.frames_ = count;
  for (std::size_t i = 0; i < kColumns; ++i) {
    if (is_present(static_cast<Column>(i), out.metadata_)) out.open_column(static_cast<Column>(i));
  }
  out.read_texts();

  out.thumbnails_ = out.open_dataset(kThumbnails, true, H5T_STD_U8LE, {});
  out.thumbnail_rows_ = out.rows_of(out.thumbnails_.get(), kThumbnails);
  if (count > 0) out.read(Column::thumbnail_end, count - 1, 1, &out.thumbnail_size_);
  if (out.thumbnail_size_ > out.thumbnail_rows_ || out.thumbnail_size_ > plausible_bytes(file)) {
    throw FileError(file, "thumbnails/bytes is shorter than frames/thumbnail_end says");
  }
  return out;
}

// Opens a plain dataset stored in this file.
h5::Id TraceFile::open_dataset(const std::string& name, bool chunked, hid_t expected_type,
                               std::span<const hsize_t> row) const {
  const RawHdf5 raw(path_);
  for (std::size_t end = 0; end != std::string::npos;) {
    end = name.find('/', end + 1);
    H5L_info_t link{};
    if (H5Lget_info(file_.get(), name.substr(0, end).c_str(), &link, H5P_DEFAULT) < 0) fail(name + " is missing");
    if (link.type != H5L_TYPE_HARD) fail(name + " is a link, expected a dataset of this file");
    raw.check_object(link.u.address, name.substr(0, end));
    if (end != std::string::npos) check_group(name.substr(0, end));
  }
  const bool is_feature = name == info(Column::probe_feature).name;
  h5::Id cache(is_feature ? H5Pcreate(H5P_DATASET_ACCESS) : H5I_INVALID_HID);
  constexpr std::size_t kFeatureCache = std::size_t{16} << 20;
  if (is_feature) H5Pset_chunk_cache(cache.get(), 521, kFeatureCache, 1);
  h5::Id dataset(H5Dopen2(file_.get(), name.c_str(), is_feature ? cache.get() : H5P_DEFAULT));
  if (!dataset) fail(name + " cannot be opened as a dataset: " + h5::last_error());
  const h5::Id how(H5Dget_create_plist(dataset.get()));
  if (H5Pget_layout(how.get()) != (chunked ? H5D_CHUNKED : H5D_CONTIGUOUS) || H5Pget_external_count(how.get()) != 0) {
    fail(name + " has an unexpected layout, expected " + (chunked ? "in chunks" : "in one piece") + ", in this file");
  }
  if (H5Pget_nfilters(how.get()) != 0) fail(name + " is compressed or filtered, expected plain numbers");
  const h5::Id type(H5Dget_type(dataset.get()));
  if (H5Tequal(type.get(), expected_type) <= 0) fail(name + " has the wrong number type");
  const h5::Id space(H5Dget_space(dataset.get()));
  std::array<hsize_t, H5S_MAX_RANK> size{};
  const int rank = H5Sget_simple_extent_dims(space.get(), size.data(), nullptr);
  bool fits = rank == static_cast<int>(row.size()) + 1;
  for (std::size_t i = 0; fits && i < row.size(); ++i) fits = size[i + 1] == row[i];
  if (!fits) {
    std::string found;
    for (int i = 0; i < rank; ++i) found += (i > 0 ? " x " : "") + std::to_string(size[static_cast<std::size_t>(i)]);
    std::string expected = "rows";
    for (const auto number : row) expected += " x " + std::to_string(number);
    fail(name + " has the shape " + found + ", expected " + expected);
  }
  if (chunked) {
    std::array<hsize_t, H5S_MAX_RANK> chunk{};
    hsize_t bytes = H5Tget_size(expected_type);
    const int dimensions = H5Pget_chunk(how.get(), H5S_MAX_RANK, chunk.data());
    for (int i = 0; i < dimensions && bytes <= kMaxChunk; ++i)
      bytes *= std::min(chunk[static_cast<std::size_t>(i)], kMaxChunk);
    if (dimensions != rank || bytes > kMaxChunk) fail(name + " has chunks of an absurd size");
  }
  return dataset;
}

// Links stored in the header, as written by create(): an index over them would be one more thing to check.
void TraceFile::check_group(const std::string& name) const {
  H5G_info_t group{};
  if (H5Gget_info_by_name(file_.get(), name.c_str(), &group, H5P_DEFAULT) < 0 ||
      group.storage_type != H5G_STORAGE_TYPE_COMPACT) {
    fail(name + " is not a group as expected");
  }
}

hsize_t TraceFile::rows_of(hid_t dataset, const std::string& name) const {
  const h5::Id space(H5Dget_space(dataset));
  std::array<hsize_t, H5S_MAX_RANK> size{};
  if (H5Sget_simple_extent_dims(space.get(), size.data(), nullptr) < 1) fail(name + " has no rows");
  return size[0];
}

void TraceFile::open_column(Column column) {
  const auto index = static_cast<std::size_t>(column);
  const auto type = file_type(stored_number(column, metadata_));
  const auto row = row_shape(column, metadata_);
  const std::string name = info(column).name;
  columns_[index] = open_dataset(name, true, type.get(), row);
  rows_[index] = rows_of(columns_[index].get(), name);
  const auto count = static_cast<hsize_t>(frames_);
  if (rows_[index] < count) {
    fail(name + " has " + std::to_string(rows_[index]) + " rows, frame_count says " + std::to_string(frames_));
  }
  // Features may have holes, and are only read a few frames at a time.
  if (column == Column::probe_feature) return;
  hsize_t row_bytes = H5Tget_size(type.get());
  for (const auto size : row) row_bytes *= size;
  if (count > plausible_bytes(path_) / row_bytes) {
    fail("frame_count says " + std::to_string(frames_) + " frames, but the file is too small for them");
  }
}

void TraceFile::read_metadata() {
  const RawHdf5 raw(path_);
  H5L_info_t link{};
  if (H5Lget_info(file_.get(), kMetadata, &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD) {
    fail("is an HDF5 file but not a trace: it has no metadata");
  }
  raw.check_object(link.u.address, kMetadata);
  const h5::Id dataset(H5Dopen2(file_.get(), kMetadata, H5P_DEFAULT));
  if (!dataset) fail("metadata cannot be opened: " + h5::last_error());
  const h5::Id type(H5Dget_type(dataset.get()));
  const h5::Id space(H5Dget_space(dataset.get()));
  const h5::Id how(H5Dget_create_plist(dataset.get()));
  const auto layout = H5Pget_layout(how.get());
  const bool plain = H5Tget_class(type.get()) == H5T_STRING && H5Tis_variable_str(type.get()) == 0 &&
                     H5Sget_simple_extent_npoints(space.get()) == 1 &&
                     (layout == H5D_CONTIGUOUS || layout == H5D_COMPACT) && H5Pget_external_count(how.get()) == 0;
  const auto size = H5Tget_size(type.get());
  if (!plain || size == 0 || size > kMaxMetadata) fail("metadata is not one text");
  std::string text(size, '\0');
  if (H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()) < 0) {
    fail("metadata cannot be read: " + h5::last_error());
  }
  text.resize(std::strlen(text.c_str()));
  metadata_ = metadata_from_json(path_, parse_json(text, path_));
}

void TraceFile::read_texts() {
  text_bytes_ = open_dataset(kTextBytes, true, H5T_STD_U8LE, {});
  text_end_ = open_dataset(kTextEnd, true, H5T_STD_U64LE, {});
  text_bytes_rows_ = rows_of(text_bytes_.get(), kTextBytes);
  text_rows_ = rows_of(text_end_.get(), kTextEnd);
  if (text_rows_ > kMaxTexts) fail("texts holds " + std::to_string(text_rows_) + " texts, which is absurd");
  // Rows beyond the file size are ignored: the last ones of a killed run may be incomplete.
  const auto limit = plausible_bytes(path_);
  const auto usable_ends = std::min(text_rows_, limit / sizeof(std::uint64_t));
  const auto usable_bytes = std::min(text_bytes_rows_, limit);
  std::vector<std::uint64_t> ends(usable_ends);
  std::string bytes(usable_bytes, '\0');
  const auto read = [&](const h5::Id& dataset, hid_t type, hsize_t count, void* out_data) {
    if (count == 0) return;
    const h5::Id in_file(H5Dget_space(dataset.get()));
    const hsize_t start = 0;
    H5Sselect_hyperslab(in_file.get(), H5S_SELECT_SET, &start, nullptr, &count, nullptr);
    const h5::Id in_memory(H5Screate_simple(1, &count, nullptr));
    if (H5Dread(dataset.get(), type, in_memory.get(), in_file.get(), H5P_DEFAULT, out_data) < 0) {
      fail("texts cannot be read: " + h5::last_error());
    }
  };
  read(text_end_, H5T_NATIVE_UINT64, usable_ends, ends.data());
  read(text_bytes_, H5T_NATIVE_UINT8, usable_bytes, bytes.data());
  for (const auto end : ends) {
    if (end < text_size_ || end > bytes.size()) break;
    texts_.push_back(bytes.substr(text_size_, end - text_size_));
    text_size_ = end;
  }
}

}  // namespace deer
