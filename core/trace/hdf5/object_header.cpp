// SPDX-License-Identifier: GPL-3.0-or-later
// After the HDF5 File Format Specification, version 3.0.
#include "core/trace/hdf5/object_header.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

#include "core/base/bytes.h"
#include "core/base/error.h"

namespace deer {
namespace {

using Span = std::span<const unsigned char>;

constexpr std::uint64_t kUndefined = ~std::uint64_t{0};
constexpr std::uint64_t kMaxHeader = std::uint64_t{1} << 20;  // bytes of one piece
constexpr std::size_t kMaxPieces = 256;
constexpr std::uint64_t kContinuationFrame = 8;              // its signature and checksum
constexpr std::uint64_t kMaxText = std::uint64_t{16} << 20;  // bytes of a text of fixed size

enum Message : unsigned char {
  kNil = 0x00,
  kDataspace = 0x01,
  kLinkInfo = 0x02,
  kDatatype = 0x03,
  kFillValue = 0x05,
  kLink = 0x06,
  kLayout = 0x08,
  kGroupInfo = 0x0A,
  kAttribute = 0x0C,
  kContinuation = 0x10,
  kModified = 0x12,
  kAttributeInfo = 0x15,
  kFileSpaceInfo = 0x17,
};

std::uint64_t number(Span bytes, std::size_t at, std::size_t size) { return get_number(bytes, at, size); }

bool begins(Span bytes, std::string_view with) {
  return bytes.size() >= with.size() &&
         std::equal(with.begin(), with.end(), bytes.begin(),
                    [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; });
}

bool good_dataspace(Span b) {
  if (b.size() < 4 || b[0] != 2 || b[1] > 4 || b[2] > 1) return false;
  const bool scalar = b[3] == 0 && b[1] == 0 && b[2] == 0;
  const bool simple = b[3] == 1 && b[1] > 0;
  return (scalar || simple) && b.size() == 4U + 8U * b[1] * (1U + b[2]);
}

// Whole numbers, floating point, text; little endian. Nothing that holds another type.
bool good_datatype(Span b) {
  if (b.size() < 8) return false;
  const auto size = number(b, 4, 4);
  switch (b[0]) {
    case 0x10:
      return b.size() == 12 && (size == 1 || size == 2 || size == 4 || size == 8) && number(b, 8, 2) == 0 &&
             number(b, 10, 2) == 8 * size;
    case 0x11: {
      if (b.size() != 20 || (size != 2 && size != 4 && size != 8)) return false;
      const std::uint64_t bits = 8 * size;
      return number(b, 8, 2) == 0 && number(b, 10, 2) == bits && b[12] < bits && b[13] < bits && b[14] < bits &&
             b[15] < bits && b[12] + b[13] <= bits && b[14] + b[15] <= bits && b[2] < bits;
    }
    case 0x13:
      return b.size() == 8 && size > 0 && size <= kMaxText;
    default:
      return false;
  }
}

// Without a value of its own: zeros.
bool good_fill_value(Span b) { return b.size() == 2 && b[0] == 3 && (b[1] & 0x30) == 0; }

bool good_link(Span b) {
  // A hard link; the flags say how long the name's length is, and whether a character set is named.
  if (b.size() < 3 || b[0] != 1 || (b[1] & ~0x13) != 0) return false;
  std::size_t at = 2 + ((b[1] & 0x10) != 0 ? 1U : 0U);
  const std::size_t length_size = std::size_t{1} << (b[1] & 3);
  if (b.size() < at + length_size) return false;
  const auto length = number(b, at, length_size);
  at += length_size;
  return length > 0 && length < b.size() && b.size() == at + length + 8;
}

bool good_link_info(Span b) {
  return b.size() == 18 && b[0] == 0 && b[1] == 0 && number(b, 2, 8) == kUndefined && number(b, 10, 8) == kUndefined;
}

bool good_group_info(Span b) { return b.size() >= 2 && b[0] == 0 && b[1] <= 1 && b.size() == (b[1] == 1 ? 6U : 2U); }

bool good_file_space_info(Span b) {
  return b.size() >= 13 && b[0] == 1 && b[1] <= 4 && b[2] == 0;  // free space is not kept
}

struct Layout {
  std::optional<std::uint64_t> index;  // of chunks
};
std::optional<Layout> good_layout(Span b) {
  if (b.size() < 2 || (b[0] != 3 && b[0] != 4)) return std::nullopt;
  constexpr std::size_t kContiguous = 18;
  if (b[1] == 1 && b.size() == kContiguous) return Layout{};
  if (b[0] != 4 || b[1] != 2 || b.size() < 5 || b[2] != 0) return std::nullopt;
  // Chunks under an extensible array, with the parameters that the library has always used.
  const std::size_t dimensions = b[3];
  const std::size_t bytes = b[4];
  constexpr std::array<unsigned char, 6> kArray = {4, 32, 4, 4, 16, 10};
  if (dimensions < 2 || dimensions > 5 || bytes < 1 || bytes > 8) return std::nullopt;
  const std::size_t at = 5 + dimensions * bytes;
  if (b.size() != at + kArray.size() + 8) return std::nullopt;
  for (std::size_t i = 0; i < dimensions; ++i) {
    if (number(b, 5 + i * bytes, bytes) == 0) return std::nullopt;
  }
  const auto parameters = b.subspan(at, kArray.size());
  if (!std::equal(kArray.begin(), kArray.end(), parameters.begin())) return std::nullopt;
  return Layout{number(b, at + kArray.size(), 8)};
}

bool good_continuation(Span b) { return b.size() == 16 && number(b, 8, 8) >= kContinuationFrame; }

bool good_body(unsigned char type, Span body) {
  switch (type) {
    case kNil:
    case kModified:
    case kAttributeInfo:
    case kAttribute:  // never read
      return true;
    case kDataspace:
      return good_dataspace(body);
    case kLinkInfo:
      return good_link_info(body);
    case kDatatype:
      return good_datatype(body);
    case kFillValue:
      return good_fill_value(body);
    case kLink:
      return good_link(body);
    case kGroupInfo:
      return good_group_info(body);
    case kFileSpaceInfo:
      return good_file_space_info(body);
    case kLayout:
      return good_layout(body).has_value();
    case kContinuation:
      return good_continuation(body);
    default:
      return false;
  }
}

bool may_repeat(unsigned char type) {
  return type == kNil || type == kLink || type == kContinuation || type == kAttribute;
}

}  // namespace

RawHdf5::RawHdf5(const std::filesystem::path& path) : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (fd_ < 0) throw FileError(path, std::generic_category().message(errno));
  struct stat status {};
  if (::fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd_);
    throw FileError(path, "is not a file");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

RawHdf5::~RawHdf5() { ::close(fd_); }

void RawHdf5::refuse(const std::string& name, const std::string& what) const {
  throw FileError(path_, name + ": " + what + " is unsupported in traces");
}

RawHdf5::Bytes RawHdf5::read(std::uint64_t address, std::uint64_t size, const std::string& name) const {
  if (address > size_ || size > size_ - address || size > kMaxHeader) refuse(name, "a header beyond the file's end");
  Bytes out(size);
  if (::pread(fd_, out.data(), size, static_cast<off_t>(address)) != static_cast<::ssize_t>(size)) {
    refuse(name, "a header that cannot be read");
  }
  return out;
}

void RawHdf5::check_start() const {
  constexpr std::size_t kSuperblock = 48;
  constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";
  const auto head = size_ < kSuperblock ? Bytes() : read(0, kSuperblock, "superblock");
  if (!begins(head, kSignature)) throw FileError(path_, "is not a trace: it does not begin like an HDF5 file");
  if ((head[8] != 2 && head[8] != 3) || head[9] != 8 || head[10] != 8 || number(head, 12, 8) != 0) {
    throw FileError(path_, "is an HDF5 file of another kind than a trace");
  }
  const auto extension = number(head, 20, 8);
  if (extension != kUndefined) check_object(extension, "superblock extension");
  check_object(number(head, 36, 8), "root group");
}

RawHdf5::Piece RawHdf5::first_piece(std::uint64_t address, const std::string& name) const {
  constexpr std::size_t kPrefix = 22;  // signature, version, flags, four times; a length of 1, 2, 4 or 8 bytes follows
  const auto prefix = read(address, kPrefix + 8, name);
  if (!begins(prefix, "OHDR") || prefix[4] != 2 || (prefix[5] & ~0x23) != 0 || (prefix[5] & 0x20) == 0) {
    refuse(name, "an object of another format");
  }
  const std::size_t length_bytes = std::size_t{1} << (prefix[5] & 3);
  return {address + kPrefix + length_bytes, number(prefix, kPrefix, length_bytes)};
}

RawHdf5::Piece RawHdf5::next_piece(std::span<const unsigned char> continuation, const std::string& name) const {
  const auto address = number(continuation, 0, 8);
  if (!begins(read(address, 4, name), "OCHK")) refuse(name, "a continuation without its signature");
  return {address + 4, number(continuation, 8, 8) - kContinuationFrame};
}

void RawHdf5::check_object(std::uint64_t address, const std::string& name) const {
  std::deque<Piece> pieces{first_piece(address, name)};
  std::array<int, 256> seen{};
  for (std::size_t count = 0; !pieces.empty(); ++count) {
    if (count == kMaxPieces) refuse(name, "a header of more than 256 pieces");
    const auto piece = pieces.front();
    pieces.pop_front();
    const auto bytes = read(piece.address, piece.size, name);
    std::size_t at = 0;
    while (at + 4 <= bytes.size()) {
      const auto type = bytes[at];
      const auto size = number(bytes, at + 1, 2);
      const bool shared = (bytes[at + 3] & 0x02) != 0;
      at += 4;
      if (size > bytes.size() - at) refuse(name, "a message longer than its header");
      const auto body = Span(bytes).subspan(at, size);
      at += size;
      if (shared || !good_body(type, body) || (++seen[type] > 1 && !may_repeat(type))) {
        refuse(name, "this header message of type " + std::to_string(type));
      }
      if (type == kContinuation) pieces.push_back(next_piece(body, name));
      if (type == kLayout) check_layout(body, name);
    }
  }
}

void RawHdf5::check_layout(std::span<const unsigned char> body, const std::string& name) const {
  const auto layout = good_layout(body);
  if (layout && layout->index && *layout->index != kUndefined) check_index(*layout->index, name);
}

// Header of an extensible array: the parameters again, and where its index block is.
void RawHdf5::check_index(std::uint64_t address, const std::string& name) const {
  constexpr std::size_t kSize = 72;
  const auto b = read(address, kSize, name);
  constexpr std::array<unsigned char, 8> kArray = {0, 0, 8, 32, 4, 16, 4, 10};  // version, client, element size, …
  if (!begins(b, "EAHD") || !std::equal(kArray.begin(), kArray.end(), b.begin() + 4)) {
    refuse(name, "an index of another kind");
  }
  const auto block = number(b, 60, 8);
  if (block != kUndefined && !begins(read(block, 4, name), "EAIB")) refuse(name, "an index without its block");
}

}  // namespace deer
