// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/hdf5/hdf5_file.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <numeric>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/base/lfs_pointer.h"
#include "core/base/utf8.h"
#include "core/episodes/media/media_files.h"
#include "core/hdf5/trial_read.h"

namespace deer {
namespace {

constexpr std::size_t kKeptArrays = 8;
constexpr std::size_t kChunkCache = std::size_t{32} << 20;         // bytes of each that is kept open
constexpr hsize_t kMaxHdf5Chunk = hsize_t{256} << 20;              // bytes
constexpr std::uint64_t kMaxHdf5Numbers = std::uint64_t{1} << 27;  // 1 GiB of doubles
// libhdf5 takes some 3 KB for every chunk that a read touches: about 50 MB.
constexpr hsize_t kMaxChunksRead = 1 << 14;
constexpr std::size_t kMaxHdf5Attribute = std::size_t{16} << 20;
constexpr std::uint64_t kMaxHdf5Elements = std::uint64_t{1} << 40;

struct TypeFacts {
  Hdf5Array::Element element = Hdf5Array::Element::other;
  std::size_t size = 0;
  bool is_uint8 = false;
};

TypeFacts facts_of(hid_t type) {
  TypeFacts out;
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      out = {Hdf5Array::Element::integer, H5Tget_size(type),
             H5Tget_size(type) == 1 && H5Tget_sign(type) == H5T_SGN_NONE};
      break;
    case H5T_FLOAT:
      out = {Hdf5Array::Element::real, H5Tget_size(type), false};
      break;
    case H5T_ENUM: {  // h5py's bool
      const h5::Id base(H5Tget_super(type));
      if (H5Tget_class(base.get()) == H5T_INTEGER) out = {Hdf5Array::Element::integer, H5Tget_size(type), false};
      break;
    }
    case H5T_STRING:
      out = {Hdf5Array::Element::text, H5Tis_variable_str(type) > 0 ? 0 : H5Tget_size(type), false};
      break;
    case H5T_VLEN: {
      const h5::Id base(H5Tget_super(type));
      if (H5Tget_class(base.get()) == H5T_INTEGER && H5Tget_size(base.get()) == 1) {
        out = {Hdf5Array::Element::bytes, 0, false};
      }
      break;
    }
    default:
      break;
  }
  return out;
}

std::vector<std::uint64_t> hdf5_shape_of(hid_t space) {
  std::array<hsize_t, H5S_MAX_RANK> size{};
  const int rank = H5Sget_simple_extent_dims(space, size.data(), nullptr);
  return {size.begin(), size.begin() + std::max(rank, 0)};
}

std::string trimmed_hdf5_text(std::string text) {
  text.resize(std::min(text.size(), text.find('\0')));
  return valid_utf8(text);
}

struct Chunks {
  hsize_t rows = 0;   ///< rows of a chunk; 0: in one piece
  hsize_t a_row = 1;  ///< chunks that a row touches
};

Chunks chunks_of(hid_t dataset, const std::vector<std::uint64_t>& shape) {
  const h5::Id how(H5Dget_create_plist(dataset));
  std::array<hsize_t, H5S_MAX_RANK> chunk{};
  if (H5Pget_layout(how.get()) != H5D_CHUNKED || H5Pget_chunk(how.get(), H5S_MAX_RANK, chunk.data()) < 1) return {};
  Chunks out{std::max<hsize_t>(chunk[0], 1), 1};
  for (std::size_t i = 1; i < shape.size() && out.a_row <= kMaxChunksRead; ++i) {
    const auto side = std::max<hsize_t>(chunk[i], 1);
    out.a_row *= std::min(shape[i] / side + (shape[i] % side != 0 ? 1 : 0), kMaxChunksRead + 1);
  }
  return out;
}

// The one string of an attribute or dataset, read by `read`.
std::string read_hdf5_text(hid_t type, hid_t space, const std::function<herr_t(hid_t, void*)>& read) {
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) return {};
  const h5::Id memory(H5Tcopy(type));
  if (H5Tis_variable_str(type) > 0) {
    char* text = nullptr;
    if (read(memory.get(), &text) < 0 || text == nullptr) return {};
    std::string out(text, std::min(std::string_view(text).size(), kMaxHdf5Attribute));
    H5free_memory(text);
    return valid_utf8(out);
  }
  const auto size = H5Tget_size(type);
  if (size == 0 || size > kMaxHdf5Attribute) return {};
  std::string out(size, '\0');
  return read(memory.get(), out.data()) < 0 ? std::string() : trimmed_hdf5_text(std::move(out));
}

}  // namespace

std::uint64_t Hdf5Array::row_size() const {
  return shape.empty() ? 0 : std::accumulate(shape.begin() + 1, shape.end(), std::uint64_t{1}, std::multiplies<>());
}

std::string Hdf5Array::describe() const {
  std::string out = element == Element::integer ? (is_uint8 ? "uint" : "int")
                    : element == Element::real  ? "float"
                    : element == Element::text  ? "text"
                    : element == Element::bytes ? "bytes"
                                                : "another type";
  if (element == Element::integer || element == Element::real) out += std::to_string(element_size * 8);
  out += " [";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

bool Hdf5File::looks_like_hdf5(const std::filesystem::path& file) {
  std::array<char, 8> head{};
  std::ifstream in(file, std::ios::binary);
  in.read(head.data(), head.size());
  return in && std::string_view(head.data(), head.size()) == "\x89HDF\r\n\x1a\n";
}

Hdf5File::Hdf5File(const std::filesystem::path& path) : path_(path) {
  refuse_lfs_pointer(path);
  if (!looks_like_hdf5(path)) throw FileError(path, "is not an HDF5 file");
  trial_read(path);
  const auto held = h5::lock();
  const h5::Id access(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG);
  file_ = h5::Id(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()));
  if (!file_) throw FileError(path, "cannot be opened as HDF5: " + h5::last_error());
}

Hdf5File::~Hdf5File() {
  const auto held = h5::lock();
  kept_.clear();
  file_.reset();
}

void Hdf5File::fail(const std::string& name, const std::string& problem) const {
  throw FileError(path_, "'" + printable(name) + "' " + problem);
}

void Hdf5File::refuse(const std::string& name, const std::string& problem) const {
  throw Hdf5Unsupported(path_, "'" + printable(name) + "' " + problem);
}

bool Hdf5File::is_here(const std::string& name, H5O_type_t kind) const {
  for (std::size_t end = 0; name != "/" && end != std::string::npos;) {
    end = name.find('/', end + 1);
    H5L_info_t link{};
    if (H5Lget_info(file_.get(), name.substr(0, end).c_str(), &link, H5P_DEFAULT) < 0) return false;
    if (link.type != H5L_TYPE_HARD) return false;
  }
  H5O_info_t info{};
  return H5Oget_info_by_name2(file_.get(), name.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT) >= 0 && info.type == kind;
}

bool Hdf5File::is_group(const std::string& name) const {
  const auto held = h5::lock();
  return is_here(name, H5O_TYPE_GROUP);
}

std::vector<std::string> Hdf5File::children(const std::string& group, std::size_t most) const {
  const auto held = h5::lock();
  if (!is_here(group, H5O_TYPE_GROUP)) fail(group, "is not a group");
  H5G_info_t info{};
  if (H5Gget_info_by_name(file_.get(), group.c_str(), &info, H5P_DEFAULT) < 0) {
    fail(group, "cannot be listed: " + h5::last_error());
  }
  if (info.nlinks > most) {
    fail(group, "has " + std::to_string(info.nlinks) + " members, expected at most " + std::to_string(most));
  }
  struct Names {
    std::vector<std::string> list;
    std::size_t most;
  } names{{}, most};
  const auto take = [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
    auto& to = *static_cast<Names*>(out);
    if (to.list.size() >= to.most) return 1;
    to.list.emplace_back(name);
    return 0;
  };
  if (H5Literate_by_name(file_.get(), group.c_str(), H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, take, &names,
                         H5P_DEFAULT) < 0) {
    fail(group, "cannot be listed: " + h5::last_error());
  }
  std::sort(names.list.begin(), names.list.end(), natural_less);
  return std::move(names.list);
}

h5::Id Hdf5File::open_array(const std::string& name) const {
  if (!is_here(name, H5O_TYPE_DATASET)) return {};
  const h5::Id access(H5Pcreate(H5P_DATASET_ACCESS));
  H5Pset_chunk_cache(access.get(), 521, kChunkCache, 1);
  h5::Id dataset(H5Dopen2(file_.get(), name.c_str(), access.get()));
  if (!dataset) fail(name, "cannot be opened: " + h5::last_error());
  const h5::Id how(H5Dget_create_plist(dataset.get()));
  const auto layout = H5Pget_layout(how.get());
  if (H5Pget_external_count(how.get()) != 0 || layout == H5D_VIRTUAL) {
    refuse(name, "lies in other files, which are not read");
  }
  if (layout == H5D_CHUNKED) {
    const h5::Id type(H5Dget_type(dataset.get()));
    std::array<hsize_t, H5S_MAX_RANK> chunk{};
    hsize_t bytes = std::max<std::size_t>(H5Tget_size(type.get()), 1);
    const int rank = H5Pget_chunk(how.get(), H5S_MAX_RANK, chunk.data());
    for (int i = 0; i < rank && bytes <= kMaxHdf5Chunk; ++i) {
      bytes *= std::clamp<hsize_t>(chunk[static_cast<std::size_t>(i)], 1, kMaxHdf5Chunk + 1);
    }
    if (rank < 1 || bytes > kMaxHdf5Chunk) {
      refuse(name, "has chunks of more than " + std::to_string(kMaxHdf5Chunk >> 20) + " MiB");
    }
    const int filters = H5Pget_nfilters(how.get());
    for (int i = 0; i < filters; ++i) {
      unsigned flags = 0;
      std::size_t values = 0;
      std::array<char, 64> text{};
      const auto id = H5Pget_filter2(how.get(), static_cast<unsigned>(i), &flags, &values, nullptr, text.size() - 1,
                                     text.data(), nullptr);
      if (id < 0 || H5Zfilter_avail(id) <= 0) {
        refuse(name, "is compressed with '" + printable(text.data()) + "' (HDF5 filter " + std::to_string(id) +
                         "), which is not supported; h5repack -f GZIP=4 converts the file");
      }
    }
  }
  return dataset;
}

hid_t Hdf5File::kept_array(const std::string& name) const {
  if (const auto found = kept_.find(name); found != kept_.end()) return found->second.get();
  if (kept_.size() >= kKeptArrays) kept_.clear();
  return kept_.emplace(name, open_array(name)).first->second.get();
}

std::optional<Hdf5Array> Hdf5File::array(const std::string& name) const {
  const auto held = h5::lock();
  const auto dataset = open_array(name);
  if (!dataset) return std::nullopt;
  const h5::Id type(H5Dget_type(dataset.get()));
  const h5::Id space(H5Dget_space(dataset.get()));
  const auto facts = facts_of(type.get());
  Hdf5Array out{facts.element, facts.size, hdf5_shape_of(space.get()), facts.is_uint8};
  std::uint64_t elements = 1;
  for (const auto side : out.shape) {
    if (side > kMaxHdf5Elements || (side > 0 && elements > kMaxHdf5Elements / side))
      fail(name, "has an absurd shape: " + out.describe());
    elements *= std::max<std::uint64_t>(side, 1);
  }
  return out;
}

std::uint64_t Hdf5File::rows_at_once(const std::string& name, hid_t dataset, const Hdf5Array& facts,
                                     std::uint64_t count) const {
  const auto chunks = chunks_of(dataset, facts.shape);
  if (chunks.rows == 0) return count;
  if (chunks.a_row > kMaxChunksRead) fail(name, "has too many chunks in a row: " + facts.describe());
  if (const auto needed = (count / chunks.rows + 1) * chunks.a_row; needed > kMaxChunksRead) {
    // A few bytes can claim millions of rows; some chunks may well never have been written.
    const h5::Id space(H5Dget_space(dataset));
    hsize_t stored = 0;
    if (H5Dget_num_chunks(dataset, space.get(), &stored) < 0 || needed / 16 > stored) {
      fail(name, "is " + facts.describe() + ", but holds only " + std::to_string(stored) + " chunks of data");
    }
  }
  return std::max<std::uint64_t>(1, kMaxChunksRead / chunks.a_row) * chunks.rows;
}

std::vector<double> Hdf5File::numbers(const std::string& name, std::uint64_t first, std::uint64_t count) const {
  const auto facts = array(name);
  if (!facts || (facts->element != Hdf5Array::Element::integer && facts->element != Hdf5Array::Element::real)) {
    fail(name, "holds no numbers");
  }
  if (count == 0) return {};
  if (facts->rows() < count || first > facts->rows() - count) {
    fail(name, "is " + facts->describe() + ", expected " + std::to_string(first + count) + " rows");
  }
  const auto width = facts->row_size();
  if (width > kMaxHdf5Numbers / count) fail(name, "is too large for a series: " + facts->describe());
  const auto held = h5::lock();
  const auto dataset = open_array(name);
  const auto at_once = rows_at_once(name, dataset.get(), *facts, count);
  const h5::Id space(H5Dget_space(dataset.get()));
  std::vector<hsize_t> start(facts->shape.size(), 0);
  std::vector<hsize_t> size(facts->shape.begin(), facts->shape.end());
  std::vector<double> out(count * width);
  for (std::uint64_t done = 0; done < count; done += size[0]) {
    start[0] = first + done;
    size[0] = std::min(at_once, count - done);
    const hsize_t total = size[0] * width;
    const h5::Id memory(H5Screate_simple(1, &total, nullptr));
    if (H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, size.data(), nullptr) < 0 ||
        H5Dread(dataset.get(), H5T_NATIVE_DOUBLE, memory.get(), space.get(), H5P_DEFAULT, out.data() + done * width) <
            0) {
      fail(name, "cannot be read: " + h5::last_error());
    }
  }
  return out;
}

std::vector<std::uint8_t> Hdf5File::bytes(const std::string& name, std::uint64_t row, std::size_t most) const {
  const auto facts = array(name);
  const bool variable = facts && facts->element == Hdf5Array::Element::bytes;
  if (!facts || (!facts->is_uint8 && !variable)) fail(name, "holds no bytes");
  if (row >= facts->rows()) fail(name, "is " + facts->describe() + ", expected row " + std::to_string(row));
  const auto width = facts->row_size();
  if (width > most || (variable && width != 1)) fail(name, "has rows of an absurd size: " + facts->describe());
  const auto held = h5::lock();
  const auto dataset = kept_array(name);
  rows_at_once(name, dataset, *facts, 1);
  const h5::Id space(H5Dget_space(dataset));
  std::vector<hsize_t> start(facts->shape.size(), 0);
  std::vector<hsize_t> size(facts->shape.begin(), facts->shape.end());
  start[0] = row;
  size[0] = 1;
  const hsize_t total = width;
  const h5::Id memory(H5Screate_simple(1, &total, nullptr));
  if (H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, size.data(), nullptr) < 0) {
    fail(name, "cannot be read: " + h5::last_error());
  }
  if (!variable) {
    std::vector<std::uint8_t> out(width);
    if (H5Dread(dataset, H5T_NATIVE_UINT8, memory.get(), space.get(), H5P_DEFAULT, out.data()) < 0) {
      fail(name, "row " + std::to_string(row) + " cannot be read: " + h5::last_error());
    }
    return out;
  }
  const h5::Id type(H5Tvlen_create(H5T_NATIVE_UINT8));
  hsize_t needed = 0;
  if (H5Dvlen_get_buf_size(dataset, type.get(), space.get(), &needed) < 0 || needed > most) {
    fail(name, "row " + std::to_string(row) + " has an absurd size");
  }
  hvl_t value{};
  if (H5Dread(dataset, type.get(), memory.get(), space.get(), H5P_DEFAULT, &value) < 0) {
    fail(name, "row " + std::to_string(row) + " cannot be read: " + h5::last_error());
  }
  const auto* const begin = static_cast<const std::uint8_t*>(value.p);
  std::vector<std::uint8_t> out(begin, begin + (begin != nullptr ? value.len : 0));
  H5Dvlen_reclaim(type.get(), memory.get(), H5P_DEFAULT, &value);
  return out;
}

std::string Hdf5File::text(const std::string& name) const {
  const auto held = h5::lock();
  const auto dataset = open_array(name);
  if (!dataset) return {};
  const h5::Id type(H5Dget_type(dataset.get()));
  const h5::Id space(H5Dget_space(dataset.get()));
  return read_hdf5_text(type.get(), space.get(), [&](hid_t memory, void* out) {
    return H5Dread(dataset.get(), memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out);
  });
}

std::string Hdf5File::attribute(const std::string& object, const std::string& name) const {
  const auto held = h5::lock();
  if (H5Aexists_by_name(file_.get(), object.c_str(), name.c_str(), H5P_DEFAULT) <= 0) return {};
  const h5::Id attribute(H5Aopen_by_name(file_.get(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT));
  if (!attribute) return {};
  const h5::Id type(H5Aget_type(attribute.get()));
  const h5::Id space(H5Aget_space(attribute.get()));
  return read_hdf5_text(type.get(), space.get(),
                        [&](hid_t memory, void* out) { return H5Aread(attribute.get(), memory, out); });
}

std::optional<double> Hdf5File::attribute_number(const std::string& object, const std::string& name) const {
  const auto held = h5::lock();
  if (H5Aexists_by_name(file_.get(), object.c_str(), name.c_str(), H5P_DEFAULT) <= 0) return std::nullopt;
  const h5::Id attribute(H5Aopen_by_name(file_.get(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT));
  if (!attribute) return std::nullopt;
  const h5::Id type(H5Aget_type(attribute.get()));
  const h5::Id space(H5Aget_space(attribute.get()));
  const auto element = facts_of(type.get()).element;
  if (element != Hdf5Array::Element::integer && element != Hdf5Array::Element::real) return std::nullopt;
  double value = 0;
  if (H5Sget_simple_extent_npoints(space.get()) != 1 || H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &value) < 0) {
    return std::nullopt;
  }
  return value;
}

}  // namespace deer
