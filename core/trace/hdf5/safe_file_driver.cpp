// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/trace/hdf5/safe_file_driver.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>

#include "core/base/bytes.h"

namespace deer {
namespace {

constexpr haddr_t kReserve = haddr_t{4} << 20;  // bytes kept beyond what is in use; a hole, no disk space

// Superblock, versions 2 and 3.
constexpr std::size_t kSuperblockSize = 48;
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kFlagsAt = 11;
constexpr std::size_t kEndAt = 28;
constexpr std::size_t kChecksumAt = 44;
constexpr std::array<unsigned char, 8> kSignature = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};

struct SafeFile {
  H5FD_t base{};  // first: HDF5 knows the file by this part
  int fd = -1;
  bool writable = false;
  struct stat identity {};
  haddr_t end_in_use = 0;  // HDF5's "end of allocation"
  haddr_t length = 0;      // of the file
  std::array<unsigned char, kSuperblockSize> superblock{};
  bool has_superblock = false;
  SafeFileState state;
};

std::function<void()>& hook() {
  static std::function<void()> function;
  return function;
}

SafeFile& file_of(H5FD_t* file) { return *reinterpret_cast<SafeFile*>(file); }
const SafeFile& file_of(const H5FD_t* file) { return *reinterpret_cast<const SafeFile*>(file); }

void report_failure(SafeFile& file) { file.state.error = errno != 0 ? errno : EIO; }

bool write_all(SafeFile& file, haddr_t address, const void* data, std::size_t size) {
  if (hook()) hook()();
  const auto* bytes = static_cast<const unsigned char*>(data);
  while (size > 0) {
    const auto done = ::pwrite(file.fd, bytes, size, static_cast<off_t>(address));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) {
      report_failure(file);
      return false;
    }
    bytes += done;
    address += static_cast<haddr_t>(done);
    size -= static_cast<std::size_t>(done);
  }
  file.length = std::max(file.length, address);
  return true;
}

bool set_length(SafeFile& file, haddr_t length) {
  if (hook()) hook()();
  if (::ftruncate(file.fd, static_cast<off_t>(length)) != 0) {
    report_failure(file);
    return false;
  }
  file.length = length;
  return true;
}

// Unmarked, and ending where the file does. One write within one page: there is no half of it.
bool write_superblock(SafeFile& file) {
  const std::span<unsigned char> block(file.superblock);
  block[kFlagsAt] = 0;
  put_number(block, kEndAt, std::uint64_t{file.length});
  put_number(block, kChecksumAt, lookup3(block.first(kChecksumAt)));
  return write_all(file, 0, block.data(), block.size());
}

bool take_superblock(SafeFile& file, const unsigned char* bytes, std::size_t size) {
  if (size < kSuperblockSize || !std::equal(kSignature.begin(), kSignature.end(), bytes)) return false;
  if ((bytes[kVersionAt] != 2 && bytes[kVersionAt] != 3) || bytes[kVersionAt + 1] != 8) return false;
  std::copy_n(bytes, kSuperblockSize, file.superblock.begin());
  file.has_superblock = true;
  return true;
}

// Before anything can lie there: a longer file first, then a superblock that says so.
bool reserve(SafeFile& file, haddr_t end) {
  if (!file.writable || file.state.error != 0 || end <= file.length) return true;
  if (!set_length(file, end + kReserve)) return false;
  return !file.has_superblock || write_superblock(file);
}

bool give_back_reserve(SafeFile& file) {
  if (!file.writable || file.state.error != 0 || file.length <= file.end_in_use) return true;
  const auto length = file.length;
  file.length = file.end_in_use;
  if (file.has_superblock && !write_superblock(file)) return false;
  file.length = length;
  return set_length(file, file.end_in_use);
}

H5FD_t* open_file(const char* name, unsigned flags, hid_t, haddr_t) {
  int how = (flags & H5F_ACC_RDWR) != 0 ? O_RDWR : O_RDONLY;
  if ((flags & H5F_ACC_TRUNC) != 0) how |= O_TRUNC;
  if ((flags & H5F_ACC_CREAT) != 0) how |= O_CREAT;
  if ((flags & H5F_ACC_EXCL) != 0) how |= O_EXCL;
  auto file = std::make_unique<SafeFile>();
  file->fd = ::open(name, how | O_CLOEXEC, 0666);
  if (file->fd < 0) return nullptr;
  if (::fstat(file->fd, &file->identity) != 0) {
    ::close(file->fd);
    return nullptr;
  }
  file->writable = (flags & H5F_ACC_RDWR) != 0;
  file->length = static_cast<haddr_t>(file->identity.st_size);
  std::array<unsigned char, kSuperblockSize> head{};
  const auto got = ::pread(file->fd, head.data(), head.size(), 0);
  if (got > 0) (void)take_superblock(*file, head.data(), static_cast<std::size_t>(got));
  return &file.release()->base;
}

herr_t close_file(H5FD_t* base) {
  const std::unique_ptr<SafeFile> file(&file_of(base));
  bool good = give_back_reserve(*file);
  if (::close(file->fd) != 0) good = false;
  return good ? 0 : -1;
}

int compare_files(const H5FD_t* a, const H5FD_t* b) {
  const auto& x = file_of(a).identity;
  const auto& y = file_of(b).identity;
  if (x.st_dev != y.st_dev) return x.st_dev < y.st_dev ? -1 : 1;
  if (x.st_ino != y.st_ino) return x.st_ino < y.st_ino ? -1 : 1;
  return 0;
}

// Without gathering and sieving: every write reaches the file at once and in HDF5's order.
herr_t query(const H5FD_t*, unsigned long* flags) {
  if (flags != nullptr) *flags = H5FD_FEAT_SUPPORTS_SWMR_IO | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

haddr_t end_of_allocation(const H5FD_t* file, H5FD_mem_t) { return file_of(file).end_in_use; }

herr_t set_end_of_allocation(H5FD_t* base, H5FD_mem_t, haddr_t end) {
  auto& file = file_of(base);
  if (!reserve(file, end)) return -1;
  file.end_in_use = end;
  return 0;
}

haddr_t end_of_file(const H5FD_t* file, H5FD_mem_t) { return file_of(file).length; }

herr_t get_handle(H5FD_t* file, hid_t, void** handle) {
  *handle = &file_of(file).state;
  return 0;
}

herr_t read_bytes(H5FD_t* base, H5FD_mem_t, hid_t, haddr_t address, std::size_t size, void* buffer) {
  const auto& file = file_of(base);
  auto* bytes = static_cast<unsigned char*>(buffer);
  while (size > 0) {
    const auto done = ::pread(file.fd, bytes, size, static_cast<off_t>(address));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return -1;
    if (done == 0) {
      std::memset(bytes, 0, size);  // beyond the end: allocated, not written yet
      return 0;
    }
    bytes += done;
    address += static_cast<haddr_t>(done);
    size -= static_cast<std::size_t>(done);
  }
  return 0;
}

herr_t write_bytes(H5FD_t* base, H5FD_mem_t, hid_t, haddr_t address, std::size_t size, const void* buffer) {
  auto& file = file_of(base);
  if (file.state.error != 0) return 0;
  const auto* bytes = static_cast<const unsigned char*>(buffer);
  if (address != 0 || !take_superblock(file, bytes, size)) return write_all(file, address, bytes, size) ? 0 : -1;
  if (!write_superblock(file)) return -1;
  if (size == kSuperblockSize) return 0;
  return write_all(file, kSuperblockSize, bytes + kSuperblockSize, size - kSuperblockSize) ? 0 : -1;
}

herr_t nothing(H5FD_t*, hid_t, hbool_t) { return 0; }  // flush; and truncate, which is for close_file()

H5FD_class_t driver_class() {
  H5FD_class_t c{};
#if H5_VERSION_GE(1, 13, 0)
  c.version = H5FD_CLASS_VERSION;
  c.value = static_cast<H5FD_class_value_t>(600);  // 512 and above are for drivers of one's own
#endif
  c.name = "deer_safe_file";
  c.maxaddr = (haddr_t{1} << 62) - 1;
  c.fc_degree = H5F_CLOSE_STRONG;
  c.open = open_file;
  c.close = close_file;
  c.cmp = compare_files;
  c.query = query;
  c.get_eoa = end_of_allocation;
  c.set_eoa = set_end_of_allocation;
  c.get_eof = end_of_file;
  c.get_handle = get_handle;
  c.read = read_bytes;
  c.write = write_bytes;
  c.flush = nothing;
  c.truncate = nothing;
  constexpr std::array<H5FD_mem_t, H5FD_MEM_NTYPES> kTypes = H5FD_FLMAP_DICHOTOMY;
  std::copy(kTypes.begin(), kTypes.end(), c.fl_map);
  return c;
}

}  // namespace

hid_t safe_file_driver() {
  static const H5FD_class_t kClass = driver_class();
  static const hid_t kDriver = H5FDregister(&kClass);
  return kDriver;
}

const SafeFileState& safe_file_state(hid_t file) {
  static const SafeFileState kUnknown{EIO};
  void* state = nullptr;
  if (H5Fget_vfd_handle(file, H5P_DEFAULT, &state) < 0 || state == nullptr) return kUnknown;
  return *static_cast<const SafeFileState*>(state);
}

void set_safe_file_hook(std::function<void()> before_change) { hook() = std::move(before_change); }

std::uint32_t lookup3(std::span<const unsigned char> bytes) {
  auto a = static_cast<std::uint32_t>(0xdeadbeef + bytes.size());
  auto b = a;
  auto c = a;
  const auto word = [&](std::size_t at) {
    const auto left = at < bytes.size() ? bytes.size() - at : 0;
    return static_cast<std::uint32_t>(get_number(bytes, at, std::min<std::size_t>(left, 4)));
  };
  std::size_t at = 0;
  for (; bytes.size() - at > 12; at += 12) {
    a += word(at);
    b += word(at + 4);
    c += word(at + 8);
    a = (a - c) ^ std::rotl(c, 4), c += b;
    b = (b - a) ^ std::rotl(a, 6), a += c;
    c = (c - b) ^ std::rotl(b, 8), b += a;
    a = (a - c) ^ std::rotl(c, 16), c += b;
    b = (b - a) ^ std::rotl(a, 19), a += c;
    c = (c - b) ^ std::rotl(b, 4), b += a;
  }
  if (at == bytes.size()) return c;
  a += word(at);
  b += word(at + 4);
  c += word(at + 8);
  c = (c ^ b) - std::rotl(b, 14);
  a = (a ^ c) - std::rotl(c, 11);
  b = (b ^ a) - std::rotl(a, 25);
  c = (c ^ b) - std::rotl(b, 16);
  a = (a ^ c) - std::rotl(c, 4);
  b = (b ^ a) - std::rotl(a, 14);
  c = (c ^ b) - std::rotl(b, 24);
  return c;
}

}  // namespace deer
