// SPDX-License-Identifier: GPL-3.0-or-later
// PKWARE APPNOTE 6.3.9, sections 4.3 and 4.5.
#include "core/base/zip_writer.h"

#include <zlib.h>

#include <algorithm>

#include "core/base/bytes.h"
#include "core/base/crc.h"
#include "core/base/error.h"

namespace deer {
namespace {

constexpr std::uint64_t kNarrow = 0xFFFFFFFF;  // what 32 bits hold; a larger offset is in a zip64 field
constexpr std::uint16_t kZip64 = 45;           // versions of the format
constexpr std::uint16_t kDeflate = 20;

// The part that a member's local header and its directory entry share.
struct Common {
  std::uint16_t version, method;
  std::uint32_t crc;
  std::uint64_t packed_size, size;
  std::size_t name_size;

  void put(std::string& out, std::size_t extra_size) const {
    constexpr std::uint16_t kFirstOfJanuary1980 = 0x21;
    put_number(out, version);
    put_number(out, std::uint16_t{0});  // flags
    put_number(out, method);
    put_number(out, std::uint16_t{0});  // time
    put_number(out, kFirstOfJanuary1980);
    put_number(out, crc);
    put_number(out, static_cast<std::uint32_t>(packed_size));
    put_number(out, static_cast<std::uint32_t>(size));
    put_number(out, static_cast<std::uint16_t>(name_size));
    put_number(out, static_cast<std::uint16_t>(extra_size));
  }
};

// An extra field that moves what follows it to a multiple of 64.
std::string padding_before(std::uint64_t content) {
  constexpr std::size_t kFieldHeader = 4;
  constexpr std::size_t kAlignment = 64;
  const auto padding = (kAlignment - (content + kFieldHeader) % kAlignment) % kAlignment;
  std::string out = "FB";  // PyTorch's name for it
  put_number(out, static_cast<std::uint16_t>(padding));
  return out.append(padding, 'Z');
}

}  // namespace

struct ZipWriter::Deflater {
  explicit Deflater(int level) {
    if (deflateInit2(&stream, level, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw Error("zlib cannot compress at level " + std::to_string(level) + ", expected 1 to 9");
    }
  }
  ~Deflater() { deflateEnd(&stream); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  z_stream stream{};
};

ZipWriter::ZipWriter(std::ostream& out, int level) : out_(out) {
  if (level != 0) deflater_ = std::make_unique<Deflater>(level);
}

ZipWriter::~ZipWriter() = default;

std::string ZipWriter::deflated(std::string_view name, std::span<const std::byte> content) {
  auto& stream = deflater_->stream;
  deflateReset(&stream);
  std::string packed(deflateBound(&stream, static_cast<uLong>(content.size())), '\0');
  if (packed.size() >= kNarrow) throw Error("'" + std::string(name) + "' is too large to be compressed");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw Error("zlib failed to compress '" + std::string(name) + "'");
  packed.resize(stream.total_out);
  return packed;
}

void ZipWriter::add(std::string_view name, std::span<const std::byte> content) {
  if (content.size() >= kNarrow) {
    throw Error("'" + std::string(name) + "' is too large for this format; use safetensors");
  }
  const bool stores = !deflater_;
  const auto packed = stores ? std::string() : deflated(name, content);
  constexpr std::uint16_t kDeflated = 8;
  const Common common{stores ? kZip64 : kDeflate,
                      stores ? std::uint16_t{0} : kDeflated,
                      crc32_of(content),
                      stores ? content.size() : packed.size(),
                      content.size(),
                      name.size()};
  constexpr std::size_t kHeader = 30;
  const auto padding = stores ? padding_before(at_ + kHeader + name.size()) : std::string();
  std::string local;
  put_number(local, std::uint32_t{0x04034b50});
  common.put(local, padding.size());
  local += name;
  local += padding;

  std::string wide;
  if (at_ >= kNarrow) {
    put_number(wide, std::uint16_t{1});
    put_number(wide, std::uint16_t{8});
    put_number(wide, at_);
  }
  put_number(directory_, std::uint32_t{0x02014b50});
  put_number(directory_, common.version);
  common.put(directory_, wide.size());
  directory_.append(10, '\0');  // comment, disk, attributes
  put_number(directory_, static_cast<std::uint32_t>(std::min(at_, kNarrow)));
  directory_ += name;
  directory_ += wide;
  ++count_;

  write(local);
  write(stores ? as_text(content) : std::string_view(packed));
}

void ZipWriter::finish() {
  const auto start = at_;
  const std::uint64_t size = directory_.size();
  write(directory_);
  const auto record = at_;
  std::string end;
  if (start >= kNarrow || count_ >= 0xFFFF) {
    put_number(end, std::uint32_t{0x06064b50});
    put_number(end, std::uint64_t{44});
    put_number(end, kZip64);
    put_number(end, kZip64);
    put_number(end, std::uint64_t{0});  // disks
    put_number(end, count_);
    put_number(end, count_);
    put_number(end, size);
    put_number(end, start);
    put_number(end, std::uint32_t{0x07064b50});
    put_number(end, std::uint32_t{0});
    put_number(end, record);
    put_number(end, std::uint32_t{1});
  }
  put_number(end, std::uint32_t{0x06054b50});
  put_number(end, std::uint32_t{0});
  const auto narrow_count = static_cast<std::uint16_t>(std::min<std::uint64_t>(count_, 0xFFFF));
  put_number(end, narrow_count);
  put_number(end, narrow_count);
  put_number(end, static_cast<std::uint32_t>(std::min(size, kNarrow)));
  put_number(end, static_cast<std::uint32_t>(std::min(start, kNarrow)));
  put_number(end, std::uint16_t{0});
  write(end);
  directory_.clear();
  at_ = 0;
  count_ = 0;
}

void ZipWriter::write(std::string_view bytes) {
  out_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  at_ += bytes.size();
}

}  // namespace deer
