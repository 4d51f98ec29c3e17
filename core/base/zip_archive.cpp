// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/zip_archive.h"

#include <zlib.h>

#include <algorithm>
#include <optional>

#include "core/base/bytes.h"
#include "core/base/crc.h"
#include "core/base/error.h"

namespace deer {
namespace {

// Signatures and sizes of the fixed parts: PKWARE APPNOTE 6.3.9, sections 4.3 and 4.5.
constexpr std::uint32_t kLocalHeader = 0x04034b50;
constexpr std::uint32_t kDirectoryEntry = 0x02014b50;
constexpr std::uint32_t kEndOfDirectory = 0x06054b50;
constexpr std::uint32_t kEndOfDirectory64 = 0x06064b50;
constexpr std::uint32_t kEndLocator64 = 0x07064b50;
constexpr std::size_t kEndSize = 22;
constexpr std::size_t kLocatorSize = 20;
constexpr std::size_t kEntrySize = 46;
constexpr std::size_t kLocalSize = 30;

std::uint16_t u16(std::span<const std::byte> b, std::size_t at) { return get_number<std::uint16_t>(b, at); }
std::uint32_t u32(std::span<const std::byte> b, std::size_t at) { return get_number<std::uint32_t>(b, at); }
std::uint64_t u64(std::span<const std::byte> b, std::size_t at) { return get_number<std::uint64_t>(b, at); }

std::optional<std::size_t> find_end(std::span<const std::byte> bytes) {
  if (bytes.size() < kEndSize) return std::nullopt;
  const std::size_t last = bytes.size() - kEndSize;
  const std::size_t first = last > 0xFFFF ? last - 0xFFFF : 0;
  for (std::size_t at = last + 1; at-- > first;) {
    if (u32(bytes, at) == kEndOfDirectory && at + kEndSize + u16(bytes, at + 20) <= bytes.size()) return at;
  }
  return std::nullopt;
}

struct Directory {
  std::uint64_t count;
  std::uint64_t size;
  std::uint64_t offset;
};

Directory find_directory(const MappedFile& file) {
  const auto bytes = file.bytes();
  const auto end = find_end(bytes);
  if (!end) throw FileError(file.path(), "not a complete zip file: its directory is missing (cut short?)");
  Directory directory{u16(bytes, *end + 10), u32(bytes, *end + 12), u32(bytes, *end + 16)};
  const bool needs64 = directory.count == 0xFFFF || directory.size == 0xFFFFFFFF || directory.offset == 0xFFFFFFFF;
  if (needs64 && *end >= kLocatorSize && u32(bytes, *end - kLocatorSize) == kEndLocator64) {
    const auto at = u64(bytes, *end - kLocatorSize + 8);
    const auto record = file.range(at, 56, "zip64 directory");
    if (u32(record, 0) != kEndOfDirectory64) throw FileError(file.path(), "zip64 directory is damaged");
    directory = {u64(record, 32), u64(record, 40), u64(record, 48)};
  }
  return directory;
}

// Sizes and offset that do not fit 32 bits stand in extra field 1, in this order, each only if its
// 32-bit field is all ones.
void apply_zip64_extra(std::span<const std::byte> extra, ZipArchive::Member& member) {
  while (extra.size() >= 4) {
    const auto id = u16(extra, 0);
    const std::size_t size = u16(extra, 2);
    if (size > extra.size() - 4) return;
    auto body = extra.subspan(4, size);
    if (id == 1) {
      for (std::uint64_t* field : {&member.size, &member.compressed_size, &member.header_offset}) {
        if (*field != 0xFFFFFFFF) continue;
        if (body.size() < 8) return;
        *field = u64(body, 0);
        body = body.subspan(8);
      }
      return;
    }
    extra = extra.subspan(4 + size);
  }
}

std::vector<std::byte> inflate_raw(const MappedFile& file, const ZipArchive::Member& member,
                                   std::span<const std::byte> packed) {
  const auto damaged = [&](const char* why) {
    return FileError(file.path(), "member '" + printable(member.name) + "' " + why);
  };
  // Deflate reaches 1032:1 at most: a larger claim is a lie, and is refused before memory is taken.
  if (member.size / 1032 > packed.size() + 1) throw damaged("claims an impossible size");
  std::vector<std::byte> out(member.size);
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw damaged("cannot be inflated: zlib failed to start");
  std::size_t consumed = 0;
  std::size_t produced = 0;
  int state = Z_OK;
  // avail_in and avail_out are 32 bits wide: feed in pieces.
  constexpr std::size_t kPiece = std::size_t{1} << 30;
  std::byte surplus{};
  while (state == Z_OK) {
    const auto in = std::min(kPiece, packed.size() - consumed);
    const auto room = std::min(kPiece, out.size() - produced);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data() + consumed));
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(room > 0 ? out.data() + produced : &surplus);
    stream.avail_out = static_cast<uInt>(room > 0 ? room : 1);
    state = inflate(&stream, Z_NO_FLUSH);
    consumed += in - stream.avail_in;
    if (room == 0 && stream.avail_out == 0) {
      state = Z_BUF_ERROR;  // more data than the directory promised
    } else if (room > 0) {
      produced += room - stream.avail_out;
    }
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END || produced != out.size()) throw damaged("is damaged or cut short");
  return out;
}

}  // namespace

bool ZipArchive::looks_like_zip(std::span<const std::byte> head) {
  return head.size() >= 4 && (u32(head, 0) == kLocalHeader || u32(head, 0) == kEndOfDirectory);
}

ZipArchive::ZipArchive(std::shared_ptr<const MappedFile> file) : file_(std::move(file)) {
  const Directory directory = find_directory(*file_);
  const auto bytes = file_->range(directory.offset, directory.size, "zip directory");
  if (directory.count > bytes.size() / kEntrySize) {
    throw FileError(file_->path(),
                    "zip directory claims " + std::to_string(directory.count) + " members, which do not fit in it");
  }
  members_.reserve(directory.count);
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < directory.count; ++i) {
    if (bytes.size() - at < kEntrySize || u32(bytes, at) != kDirectoryEntry) {
      throw FileError(file_->path(), "zip directory is damaged at member " + std::to_string(i));
    }
    const std::size_t name_size = u16(bytes, at + 28);
    const std::size_t extra_size = u16(bytes, at + 30);
    const std::size_t comment_size = u16(bytes, at + 32);
    if (bytes.size() - at - kEntrySize < name_size + extra_size + comment_size) {
      throw FileError(file_->path(), "zip directory is cut short at member " + std::to_string(i));
    }
    Member member;
    member.method = u16(bytes, at + 10);
    member.crc32 = u32(bytes, at + 16);
    member.compressed_size = u32(bytes, at + 20);
    member.size = u32(bytes, at + 24);
    member.header_offset = u32(bytes, at + 42);
    member.name.assign(reinterpret_cast<const char*>(bytes.data()) + at + kEntrySize, name_size);
    apply_zip64_extra(bytes.subspan(at + kEntrySize + name_size, extra_size), member);
    if ((u16(bytes, at + 8) & 1) != 0) {
      throw FileError(file_->path(), "member '" + printable(member.name) + "' is encrypted");
    }
    members_.push_back(std::move(member));
    at += kEntrySize + name_size + extra_size + comment_size;
  }
}

const ZipArchive::Member* ZipArchive::find(std::string_view name) const {
  const auto it = std::find_if(members_.begin(), members_.end(), [&](const Member& m) { return m.name == name; });
  return it == members_.end() ? nullptr : &*it;
}

std::span<const std::byte> ZipArchive::raw(const Member& member) const {
  const auto header = file_->range(member.header_offset, kLocalSize, "zip member header");
  if (u32(header, 0) != kLocalHeader) {
    throw FileError(file_->path(), "header of member '" + printable(member.name) + "' is damaged");
  }
  const auto data_offset = member.header_offset + kLocalSize + u16(header, 26) + u16(header, 28);
  return file_->range(data_offset, member.compressed_size, "zip member");
}

std::span<const std::byte> ZipArchive::stored(const Member& member) const {
  if (member.method != 0 || member.size != member.compressed_size) {
    throw FileError(file_->path(), "member '" + printable(member.name) + "' is compressed, expected it stored");
  }
  return raw(member);
}

std::vector<std::byte> ZipArchive::read(const Member& member, std::uint64_t size_limit) const {
  if (member.size > size_limit) {
    throw FileError(file_->path(), "member '" + printable(member.name) + "' claims " + std::to_string(member.size) +
                                       " bytes, more than the " + std::to_string(size_limit) + " allowed");
  }
  std::vector<std::byte> out;
  if (member.method == 0) {
    const auto bytes = stored(member);
    out.assign(bytes.begin(), bytes.end());
  } else if (member.method == 8) {
    out = inflate_raw(*file_, member, raw(member));
  } else {
    throw FileError(file_->path(), "member '" + printable(member.name) + "' uses compression method " +
                                       std::to_string(member.method) + ", expected stored or deflated");
  }
  if (crc32_of(out) != member.crc32) {
    throw FileError(file_->path(), "member '" + printable(member.name) + "' is damaged: its checksum differs");
  }
  return out;
}

}  // namespace deer
