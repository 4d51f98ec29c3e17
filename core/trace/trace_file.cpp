// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/trace/trace_file.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <system_error>

#include "core/base/error.h"
#include "core/trace/hdf5/safe_file_driver.h"

namespace deer {

namespace fs = std::filesystem;
using namespace trace_format;

namespace {

constexpr unsigned kMaxLinks = 64;                            // of a group, beside each other in its header
constexpr std::size_t kFeatureCache = std::size_t{16} << 20;  // bytes of feature chunks kept in memory

h5::Id access(bool for_writing) {
  h5::Id list(H5Pcreate(H5P_FILE_ACCESS));
  if (for_writing) {
    H5Pset_driver(list.get(), safe_file_driver(), nullptr);
    H5Pset_libver_bounds(list.get(), H5F_LIBVER_V110, H5F_LIBVER_V110);
  }
  H5Pset_fclose_degree(list.get(), H5F_CLOSE_STRONG);
  return list;
}

h5::Id feature_access() {
  h5::Id list(H5Pcreate(H5P_DATASET_ACCESS));
  H5Pset_chunk_cache(list.get(), 521, kFeatureCache, 1);
  return list;
}

h5::Id make_dataset(hid_t file, const std::string& name, hid_t type, const std::vector<hsize_t>& chunk,
                    const std::vector<hsize_t>& row, bool is_feature = false) {
  std::vector<hsize_t> size{0};
  std::vector<hsize_t> limit{H5S_UNLIMITED};
  size.insert(size.end(), row.begin(), row.end());
  limit.insert(limit.end(), row.begin(), row.end());
  const h5::Id space(H5Screate_simple(static_cast<int>(size.size()), size.data(), limit.data()));
  const h5::Id how(H5Pcreate(H5P_DATASET_CREATE));
  H5Pset_chunk(how.get(), static_cast<int>(chunk.size()), chunk.data());
  const h5::Id cache = is_feature ? feature_access() : h5::Id();
  return h5::Id(H5Dcreate2(file, name.c_str(), type, space.get(), H5P_DEFAULT, how.get(),
                           is_feature ? cache.get() : H5P_DEFAULT));
}

void note_meaning(hid_t dataset, const char* text) {
  const h5::Id type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type.get(), std::strlen(text));
  const h5::Id space(H5Screate(H5S_SCALAR));
  const h5::Id attribute(H5Acreate2(dataset, "meaning", type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
  H5Awrite(attribute.get(), type.get(), text);
}

// Selects [first, first + count) of the rows, and of the second dimension one entry if `slot` is given.
struct Selection {
  h5::Id in_file, in_memory;
};
Selection select(hid_t dataset, hsize_t first, hsize_t count, const std::size_t* slot = nullptr) {
  Selection out;
  out.in_file = h5::Id(H5Dget_space(dataset));
  std::array<hsize_t, 4> size{};
  const int rank = H5Sget_simple_extent_dims(out.in_file.get(), size.data(), nullptr);
  std::array<hsize_t, 4> start{};
  start[0] = first;
  size[0] = count;
  if (slot != nullptr) {
    start[1] = *slot;
    size[1] = 1;
  }
  H5Sselect_hyperslab(out.in_file.get(), H5S_SELECT_SET, start.data(), nullptr, size.data(), nullptr);
  out.in_memory = h5::Id(H5Screate_simple(rank, size.data(), nullptr));
  return out;
}

bool extend(hid_t dataset, hsize_t rows) {
  const h5::Id space(H5Dget_space(dataset));
  std::array<hsize_t, 4> size{};
  if (H5Sget_simple_extent_dims(space.get(), size.data(), nullptr) < 1) return false;
  size[0] = rows;
  return H5Dset_extent(dataset, size.data()) >= 0;
}

bool write_rows(hid_t dataset, hid_t type, hsize_t first, hsize_t count, const void* data) {
  const auto where = select(dataset, first, count);
  return H5Dwrite(dataset, type, where.in_memory.get(), where.in_file.get(), H5P_DEFAULT, data) >= 0;
}

}  // namespace

TraceFile TraceFile::create(const fs::path& file, const TraceMetadata& metadata) {
  const auto held = h5::lock();
  TraceFile out;
  out.path_ = file;
  // Writer and reader agree on what is allowed.
  out.metadata_ = metadata_from_json(file, metadata_json(metadata));
  std::array<unsigned, 3> version{};
  H5get_libversion(&version[0], &version[1], &version[2]);
  out.metadata_.versions["hdf5"] =
      std::to_string(version[0]) + "." + std::to_string(version[1]) + "." + std::to_string(version[2]);
  auto part = file;
  part += ".part" + std::to_string(::getpid());
  const h5::Id how(H5Pcreate(H5P_FILE_CREATE));
  // Metadata in pages: no piece of it lies across the border of two, where a write could stop halfway.
  H5Pset_file_space_strategy(how.get(), H5F_FSPACE_STRATEGY_PAGE, 0, 1);
  const h5::Id compact(H5Pcreate(H5P_GROUP_CREATE));
  H5Pset_link_phase_change(compact.get(), kMaxLinks, kMaxLinks);
  out.file_ = h5::Id(H5Fcreate(part.c_str(), H5F_ACC_TRUNC, how.get(), access(true).get()));
  if (!out.file_) {
    std::error_code ignored;
    fs::remove(part, ignored);
    throw FileError(file, "cannot be created (does the folder exist, is it writable, is the disk full?)");
  }
  try {
    for (const char* group : {"frames", "probes", "texts", "thumbnails"}) {
      h5::Id(H5Gcreate2(out.file_.get(), group, H5P_DEFAULT, compact.get(), H5P_DEFAULT));
    }
    const auto text = metadata_json(out.metadata_).dump(-1, ' ', false, Json::error_handler_t::replace);
    const h5::Id text_type(H5Tcopy(H5T_C_S1));
    H5Tset_size(text_type.get(), text.size());
    H5Tset_cset(text_type.get(), H5T_CSET_UTF8);
    const h5::Id scalar(H5Screate(H5S_SCALAR));
    const h5::Id described(
        H5Dcreate2(out.file_.get(), kMetadata, text_type.get(), scalar.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    bool good = H5Dwrite(described.get(), text_type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()) >= 0;

    const h5::Id early(H5Pcreate(H5P_DATASET_CREATE));
    H5Pset_alloc_time(early.get(), H5D_ALLOC_TIME_EARLY);
    const hsize_t one = 1;
    const h5::Id single(H5Screate_simple(1, &one, nullptr));
    out.count_ = h5::Id(
        H5Dcreate2(out.file_.get(), kFrameCount, H5T_STD_I64LE, single.get(), H5P_DEFAULT, early.get(), H5P_DEFAULT));
    for (std::size_t i = 0; i < kColumns; ++i) {
      const auto column = static_cast<Column>(i);
      if (!is_present(column, out.metadata_)) continue;
      const auto type = file_type(stored_number(column, out.metadata_));
      out.columns_[i] = make_dataset(out.file_.get(), info(column).name, type.get(), chunk_shape(column, out.metadata_),
                                     row_shape(column, out.metadata_), column == Column::probe_feature);
      good = good && out.columns_[i];
      if (info(column).meanings != nullptr) note_meaning(out.columns_[i].get(), info(column).meanings);
    }
    out.text_bytes_ = make_dataset(out.file_.get(), kTextBytes, H5T_STD_U8LE, {4096}, {});
    out.text_end_ = make_dataset(out.file_.get(), kTextEnd, H5T_STD_U64LE, {512}, {});
    out.thumbnails_ = make_dataset(out.file_.get(), kThumbnails, H5T_STD_U8LE, {std::size_t{256} << 10}, {});
    good = good && out.count_ && out.text_bytes_ && out.text_end_ && out.thumbnails_;
    if (!good || H5Fstart_swmr_write(out.file_.get()) < 0) out.fail_writing("be laid out");
    out.commit(0);
    std::error_code error;
    fs::rename(part, file, error);
    if (error) throw FileError(file, "cannot replace: " + error.message());
  } catch (...) {
    std::error_code ignored;
    fs::remove(part, ignored);
    throw;
  }
  return out;
}

TraceFile::~TraceFile() {
  if (!file_) return;
  const auto held = h5::lock();
  try {
    close();
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): close() is for those who want to know
  }
}

void TraceFile::close() {
  const auto held = h5::lock();
  const bool was_open = static_cast<bool>(file_);
  for (auto* id : {&count_, &text_bytes_, &text_end_, &thumbnails_}) id->reset();
  for (auto& id : columns_) id.reset();
  if (was_open && !file_.reset()) throw FileError(path_, "cannot be closed: " + h5::last_error());
}

void TraceFile::fail(const std::string& what) const { throw FileError(path_, what); }

void TraceFile::fail_writing(const std::string& what) const {
  const auto error = safe_file_state(file_.get()).error;
  fail("the trace cannot " + what + ": " + (error != 0 ? std::generic_category().message(error) : h5::last_error()) +
       (frames_ > 0 ? "; it holds " + std::to_string(frames_) + " frames" : ""));
}

std::size_t TraceFile::row_numbers(Column column) const {
  std::size_t numbers = 1;
  for (const auto size : row_shape(column, metadata_)) numbers *= size;
  return numbers;
}

void TraceFile::read(Column column, std::int64_t first, std::int64_t count, void* out) const {
  if (first < 0 || count < 0 || first > frames_ - count) {
    fail("has " + std::to_string(frames_) + " frames; asked for " + std::to_string(count) + " from frame " +
         std::to_string(first));
  }
  if (count == 0) return;
  const auto held = h5::lock();
  const auto dataset = columns_[static_cast<std::size_t>(column)].get();
  const auto where = select(dataset, static_cast<hsize_t>(first), static_cast<hsize_t>(count));
  if (H5Dread(dataset, memory_type(info(column).number), where.in_memory.get(), where.in_file.get(), H5P_DEFAULT, out) <
      0) {
    fail(std::string(info(column).name) + " cannot be read: " + h5::last_error());
  }
}

std::vector<std::uint8_t> TraceFile::thumbnail_bytes(std::uint64_t begin, std::uint64_t end) const {
  if (begin > end || end > thumbnail_rows_) fail("thumbnails/bytes is shorter than frames/thumbnail_end says");
  std::vector<std::uint8_t> out(end - begin);
  if (out.empty()) return out;
  const auto held = h5::lock();
  const auto where = select(thumbnails_.get(), begin, end - begin);
  if (H5Dread(thumbnails_.get(), H5T_NATIVE_UINT8, where.in_memory.get(), where.in_file.get(), H5P_DEFAULT,
              out.data()) < 0) {
    fail("thumbnails/bytes cannot be read: " + h5::last_error());
  }
  return out;
}

void TraceFile::grow(Column column, std::int64_t rows) {
  auto& in_file = rows_[static_cast<std::size_t>(column)];
  if (static_cast<hsize_t>(rows) <= in_file) return;  // left over from a run that was killed
  if (!extend(columns_[static_cast<std::size_t>(column)].get(), static_cast<hsize_t>(rows))) fail_writing("grow");
  in_file = static_cast<hsize_t>(rows);
}

void TraceFile::write(Column column, std::int64_t first, std::int64_t count, const void* data) {
  grow(column, first + count);
  if (!write_rows(columns_[static_cast<std::size_t>(column)].get(), memory_type(info(column).number),
                  static_cast<hsize_t>(first), static_cast<hsize_t>(count), data)) {
    fail_writing("be written");
  }
}

void TraceFile::write_features(std::size_t slot, std::int64_t first, std::int64_t count, const float* data) {
  const auto dataset = columns_[static_cast<std::size_t>(Column::probe_feature)].get();
  const auto where = select(dataset, static_cast<hsize_t>(first), static_cast<hsize_t>(count), &slot);
  if (H5Dwrite(dataset, H5T_NATIVE_FLOAT, where.in_memory.get(), where.in_file.get(), H5P_DEFAULT, data) < 0) {
    fail_writing("be written");
  }
}

void TraceFile::add_text(const std::string& text) {
  const auto row = static_cast<hsize_t>(texts_.size());
  const hsize_t end = text_size_ + text.size();
  const std::uint64_t stored = end;
  bool good = true;
  if (end > text_bytes_rows_) good = extend(text_bytes_.get(), text_bytes_rows_ = end);
  if (!text.empty()) {
    good = good && write_rows(text_bytes_.get(), H5T_NATIVE_UINT8, text_size_, text.size(), text.data());
  }
  if (row + 1 > text_rows_) good = good && extend(text_end_.get(), text_rows_ = row + 1);
  if (!good || !write_rows(text_end_.get(), H5T_NATIVE_UINT64, row, 1, &stored)) fail_writing("be written");
  text_size_ = end;
  texts_.push_back(text);
}

void TraceFile::add_thumbnails(std::span<const std::uint8_t> bytes) {
  if (bytes.empty()) return;
  const hsize_t end = thumbnail_size_ + bytes.size();
  if (end > thumbnail_rows_ && !extend(thumbnails_.get(), thumbnail_rows_ = end)) fail_writing("grow");
  if (!write_rows(thumbnails_.get(), H5T_NATIVE_UINT8, thumbnail_size_, bytes.size(), bytes.data())) {
    fail_writing("be written");
  }
  thumbnail_size_ = end;
}

void TraceFile::commit(std::int64_t frames) {
  if (H5Fflush(file_.get(), H5F_SCOPE_GLOBAL) < 0 || safe_file_state(file_.get()).error != 0) {
    fail_writing("be written");
  }
  if (H5Dwrite(count_.get(), H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &frames) < 0 ||
      H5Dflush(count_.get()) < 0 || safe_file_state(file_.get()).error != 0) {
    fail_writing("be written");
  }
  frames_ = frames;
}

void TraceFile::drop_after(std::int64_t frames) {
  if (frames < 0 || frames > frames_) {
    fail("has " + std::to_string(frames_) + " frames, cannot keep " + std::to_string(frames));
  }
  const auto held = h5::lock();
  if (frames < frames_) commit(frames);
  thumbnail_size_ = 0;
  if (frames > 0) read(Column::thumbnail_end, frames - 1, 1, &thumbnail_size_);
}

}  // namespace deer
