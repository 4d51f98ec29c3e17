// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/media/media_files.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <system_error>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/base/utf8.h"

namespace deer {
namespace {

using namespace std::string_view_literals;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Signature {
  std::size_t at;
  std::string_view bytes;
};

constexpr std::array kImages = {
    Signature{0, "\x89PNG\r\n\x1a\n"sv},
    Signature{0, "\xff\xd8\xff"sv},
    Signature{0, "BM"sv},
    Signature{8, "WEBP"sv},
    Signature{0, "II*\0"sv},
    Signature{0, "MM\0*"sv},
};

// MP4 and QuickTime, AVI, Matroska and WebM, Ogg, MPEG, transport stream, Flash, ASF, raw H.264, IVF, Y4M.
constexpr std::array kVideos = {
    Signature{4, "ftyp"sv},
    Signature{4, "moov"sv},
    Signature{4, "mdat"sv},
    Signature{4, "wide"sv},
    Signature{8, "AVI "sv},
    Signature{0, "\x1a\x45\xdf\xa3"sv},
    Signature{0, "OggS"sv},
    Signature{0, "\x00\x00\x01\xba"sv},
    Signature{0, "\x00\x00\x01\xb3"sv},
    Signature{188, "\x47"sv},
    Signature{0, "FLV\x01"sv},
    Signature{0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11"sv},
    Signature{0, "\x00\x00\x00\x01"sv},
    Signature{0, "DKIF"sv},
    Signature{0, "YUV4MPEG2"sv},
};

template <std::size_t N>
bool begins_like(const std::filesystem::path& file, const std::array<Signature, N>& signatures) {
  const auto mapped = MappedFile::open(file);
  const auto head = mapped->bytes().first(std::min<std::size_t>(mapped->size(), 512));
  const std::string_view text(reinterpret_cast<const char*>(head.data()), head.size());
  return std::any_of(signatures.begin(), signatures.end(), [&](const Signature& signature) {
    if (signature.at == 188 && !text.starts_with('\x47')) return false;  // transport stream: twice, one packet apart
    return text.size() > signature.at && text.substr(signature.at).starts_with(signature.bytes);
  });
}

}  // namespace

bool natural_less(std::string_view a, std::string_view b) {
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      ++i;
      ++j;
      continue;
    }
    const auto number = [](std::string_view text, std::size_t& at) {
      while (at < text.size() && text[at] == '0') ++at;
      const auto begin = at;
      while (at < text.size() && is_digit(text[at])) ++at;
      return text.substr(begin, at - begin);
    };
    const auto x = number(a, i);
    const auto y = number(b, j);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
  }
  const auto left_a = a.size() - i, left_b = b.size() - j;
  return left_a != left_b ? left_a < left_b : a < b;  // so that "01" and "1" have a defined order
}

std::vector<std::filesystem::path> list_images(const std::filesystem::path& folder,
                                               std::vector<std::filesystem::path>* unread) {
  constexpr std::array kExtensions = {".png"sv,  ".jpg"sv, ".jpeg"sv, ".bmp"sv, ".webp"sv,
                                      ".tiff"sv, ".tif"sv, ".ppm"sv,  ".pgm"sv};
  constexpr std::array kUnread = {".gif"sv, ".heic"sv, ".heif"sv, ".avif"sv, ".jxl"sv,
                                  ".exr"sv, ".hdr"sv,  ".dng"sv,  ".raw"sv,  ".svg"sv};
  const auto is_one_of = [](const std::string& extension, const auto& list) {
    return std::find(list.begin(), list.end(), extension) != list.end();
  };
  std::error_code error;
  std::vector<std::filesystem::path> out;
  for (auto it = std::filesystem::directory_iterator(folder, error); !error && it != std::filesystem::end(it);
       it.increment(error)) {
    auto extension = it->path().extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const bool hidden = it->path().filename().string().starts_with('.');
    if (hidden) continue;
    if (is_one_of(extension, kExtensions)) out.push_back(it->path());
    if (unread != nullptr && is_one_of(extension, kUnread)) unread->push_back(it->path());
  }
  if (error) throw FileError(folder, "cannot list the folder: " + error.message());
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return natural_less(a.filename().native(), b.filename().native()); });
  return out;
}

bool looks_like_video(const std::filesystem::path& file) { return begins_like(file, kVideos); }
bool looks_like_image(const std::filesystem::path& file) { return begins_like(file, kImages); }

std::string find_instruction(const OpenSourceOptions& options, const std::filesystem::path& inside,
                             const std::filesystem::path& beside, std::vector<std::string>& warnings) {
  if (!options.instruction.empty()) return valid_utf8(options.instruction);
  std::vector<std::filesystem::path> candidates;
  if (!inside.empty()) candidates.push_back(inside / "instruction.txt");
  candidates.push_back(beside / "instruction.txt");
  for (const auto& path : candidates) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) continue;
    try {
      const auto file = MappedFile::open(path);
      const auto head = file->bytes().first(std::min<std::size_t>(file->size(), 4096));
      const auto [text, valid] = decode_text({reinterpret_cast<const char*>(head.data()), head.size()});
      const auto first = text.find_first_not_of(" \t\r\n");
      if (first == std::string::npos) throw FileError(path, "is empty, expected an instruction");
      auto line = text.substr(first, text.find_first_of("\r\n", first) - first);
      line = line.substr(0, line.find_last_not_of(" \t") + 1);
      if (!valid) warnings.push_back(FileError(path, "is not UTF-8: some letters could not be read").what());
      return printable(line, 2000);
    } catch (const Error& problem) {
      warnings.push_back(problem.what());
    }
  }
  return {};
}

}  // namespace deer
