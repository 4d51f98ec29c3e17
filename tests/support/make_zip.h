// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace deer::test {

using Bytes = std::vector<std::byte>;

inline Bytes bytes_of(std::string_view text) {
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

template <typename T>
void put(Bytes& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

inline void put(Bytes& out, const Bytes& more) { out.insert(out.end(), more.begin(), more.end()); }

inline Bytes deflated(const Bytes& raw) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::runtime_error("zlib");
  Bytes out(deflateBound(&stream, static_cast<uLong>(raw.size())));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(raw.data()));
  stream.avail_in = static_cast<uInt>(raw.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("zlib");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// One member of a zip file, with room to lie in its directory.
struct ZipMember {
  std::string name;
  Bytes content;
  bool deflate = false;
  std::uint16_t flags = 0;
  std::int64_t claimed_size = -1;  ///< instead of the true one
  std::uint32_t crc_xor = 0;       ///< damages the checksum
  int method = -1;                 ///< instead of 0 or 8
};

inline Bytes make_zip(const std::vector<ZipMember>& members, bool zip64 = false) {
  Bytes out, directory;
  for (const auto& member : members) {
    const Bytes packed = member.deflate ? deflated(member.content) : member.content;
    const auto crc = static_cast<std::uint32_t>(
                         crc32_z(0, reinterpret_cast<const Bytef*>(member.content.data()), member.content.size())) ^
                     member.crc_xor;
    const auto size =
        member.claimed_size >= 0 ? static_cast<std::uint64_t>(member.claimed_size) : member.content.size();
    const auto method = static_cast<std::uint16_t>(member.method >= 0 ? member.method : (member.deflate ? 8 : 0));
    const auto offset = out.size();
    const auto common = [&](Bytes& to) {
      put(to, std::uint16_t{20});
      put(to, member.flags);
      put(to, method);
      put(to, std::uint32_t{0});
      put(to, crc);
      put(to, zip64 ? std::uint32_t{0xFFFFFFFF} : static_cast<std::uint32_t>(packed.size()));
      put(to, zip64 ? std::uint32_t{0xFFFFFFFF} : static_cast<std::uint32_t>(size));
      put(to, static_cast<std::uint16_t>(member.name.size()));
    };
    Bytes extra;
    if (zip64) {
      put(extra, std::uint16_t{1});
      put(extra, std::uint16_t{24});
      put(extra, std::uint64_t{size});
      put(extra, std::uint64_t{packed.size()});
      put(extra, std::uint64_t{offset});
    }
    put(out, std::uint32_t{0x04034b50});
    common(out);
    put(out, std::uint16_t{0});
    put(out, bytes_of(member.name));
    put(out, packed);

    put(directory, std::uint32_t{0x02014b50});
    put(directory, std::uint16_t{20});
    common(directory);
    put(directory, static_cast<std::uint16_t>(extra.size()));
    put(directory, std::uint16_t{0});
    put(directory, std::uint16_t{0});
    put(directory, std::uint16_t{0});
    put(directory, std::uint32_t{0});
    put(directory, zip64 ? std::uint32_t{0xFFFFFFFF} : static_cast<std::uint32_t>(offset));
    put(directory, bytes_of(member.name));
    put(directory, extra);
  }
  const auto begin = out.size();
  put(out, directory);
  if (zip64) {
    const auto record = out.size();
    put(out, std::uint32_t{0x06064b50});
    put(out, std::uint64_t{44});
    put(out, std::uint16_t{45});
    put(out, std::uint16_t{45});
    put(out, std::uint32_t{0});
    put(out, std::uint32_t{0});
    put(out, std::uint64_t{members.size()});
    put(out, std::uint64_t{members.size()});
    put(out, std::uint64_t{directory.size()});
    put(out, std::uint64_t{begin});
    put(out, std::uint32_t{0x07064b50});
    put(out, std::uint32_t{0});
    put(out, std::uint64_t{record});
    put(out, std::uint32_t{1});
  }
  put(out, std::uint32_t{0x06054b50});
  put(out, std::uint32_t{0});
  put(out, static_cast<std::uint16_t>(zip64 ? 0xFFFF : members.size()));
  put(out, static_cast<std::uint16_t>(zip64 ? 0xFFFF : members.size()));
  put(out, zip64 ? std::uint32_t{0xFFFFFFFF} : static_cast<std::uint32_t>(directory.size()));
  put(out, zip64 ? std::uint32_t{0xFFFFFFFF} : static_cast<std::uint32_t>(begin));
  put(out, std::uint16_t{0});
  return out;
}

}  // namespace deer::test
