// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/train/windows/token_cache.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "core/base/error.h"
#include "core/base/mapped_file.h"
#include "core/train/base/parallel_work.h"
#include "core/train/base/seeded_random.h"
#include "core/train/data/chunked_file.h"

namespace deer {
namespace {

constexpr std::array<char, 8> kMagic = {'D', 'E', 'E', 'R', 'T', 'O', 'K', '1'};
constexpr std::int64_t kPage = 4096;
constexpr std::int64_t kChunk = 128;  // frames written, and resumed, together
constexpr std::int64_t kPass = 16;    // frames that go through the tower together
constexpr int kMaxVariants = 1024;

struct Header {
  std::array<char, 8> magic = kMagic;
  std::uint64_t id = 0;  // of store, tower and options
  std::uint64_t store = 0;
  std::uint64_t tower = 0;
  std::int64_t rows = 0;
  std::int64_t variants = 0;
  std::int64_t patches = 0;
  std::int64_t width = 0;
};

std::vector<std::int64_t> cached_frames(const FrameStore& store, bool unannotated) {
  std::vector<bool> wanted(static_cast<std::size_t>(store.size()), false);
  for (const auto& span : store.spans()) {
    std::fill(wanted.begin() + span.first, wanted.begin() + span.last + 1, true);
  }
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] || unannotated) out.push_back(static_cast<std::int64_t>(i));
  }
  return out;
}

// Bytes of one camera's tokens for one image, and of all of them up to the next page.
std::int64_t picture_bytes(const Header& header) { return header.patches * header.width * 2; }
std::int64_t camera_bytes(const Header& header) {
  return (header.variants * header.rows * picture_bytes(header) + kPage - 1) / kPage * kPage;
}
std::int64_t file_bytes(const Header& header) { return kPage + 2 * camera_bytes(header); }

std::uint64_t id_of(const FrameStore& store, const SavedTower& tower, const TokenCacheOptions& options) {
  ContentHash hash;
  hash.add(store.id());
  hash.add(tower.hash);
  hash.add(options.variants);
  if (options.unannotated) hash.add(1);
  if (options.variants > 1) {
    hash.add(options.static_shift);
    hash.add(options.gripper_shift);
    hash.add(options.seed);
  }
  return hash.value();
}

// Runs the tower over one chunk in all variants and writes the tokens.
void fill_chunk(const FrameStore& store, const VisionEncoder& tower, const TokenCacheOptions& options,
                const Header& header, std::span<const std::int64_t> frames, std::int64_t chunk, ChunkedFile& file,
                const std::stop_token& stop, std::atomic<std::int64_t>& done) {
  const c10::NoGradGuard no_gradients;
  const auto begin = chunk * kChunk;
  const auto end = std::min(begin + kChunk, header.rows);
  for (auto first = begin; first < end; first += kPass) {
    const auto count = std::min(kPass, end - first);
    const auto part = frames.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    for (int variant = 0; variant < options.variants; ++variant) {
      if (stop.stop_requested()) throw Cancelled();
      std::vector<PixelShift> fixed, gripper;
      for (const auto frame : part) {
        const auto draw = [&](std::uint64_t camera, int padding) {
          if (variant == 0) return PixelShift{};
          return random_shift(options.seed, static_cast<std::uint64_t>(frame),
                              2 * static_cast<std::uint64_t>(variant) + camera, padding);
        };
        fixed.push_back(draw(0, options.static_shift));
        gripper.push_back(draw(1, options.gripper_shift));
      }
      const auto images = at::cat(
          {read_images(store.static_images(), part, fixed), read_images(store.gripper_images(), part, gripper)});
      const auto tokens = tower.forward(images).tokens.to(at::kBFloat16).contiguous();
      const auto bytes = static_cast<std::size_t>(count * picture_bytes(header));
      const auto offset = kPage + (variant * header.rows + first) * picture_bytes(header);
      file.write(offset, tokens.data_ptr(), bytes);
      file.write(offset + camera_bytes(header), static_cast<const char*>(tokens.data_ptr()) + bytes, bytes);
    }
    done += count;
  }
}

Header read_header(const MappedFile& file) {
  Header header;
  std::memcpy(&header, file.range(0, sizeof header, "token cache header").data(), sizeof header);
  constexpr std::int64_t kMost = std::int64_t{1} << 32;
  const auto sane = [](std::int64_t value, std::int64_t most) { return value >= 1 && value <= most; };
  std::int64_t bytes = 0;
  if (header.magic != kMagic || !sane(header.rows, kMost) || !sane(header.variants, kMaxVariants) ||
      !sane(header.patches, 1 << 20) || !sane(header.width, 1 << 20) ||
      __builtin_mul_overflow(header.rows * header.variants, 4 * header.patches * header.width, &bytes)) {
    throw FileError(file.path(), "is not a token cache");
  }
  if (static_cast<std::int64_t>(file.size()) != file_bytes(header)) {
    throw FileError(file.path(), "has " + std::to_string(file.size()) + " bytes, expected " +
                                     std::to_string(file_bytes(header)) + " (cut short?)");
  }
  return header;
}

}  // namespace

PixelShift random_shift(std::uint64_t seed, std::uint64_t frame, std::uint64_t draw, int padding) {
  if (padding <= 0) return {};
  SeededRandom random{seed, frame, draw};
  const auto one = [&] { return static_cast<int>(random.below(2 * padding)) + 1 - padding; };
  const int x = one();
  return {x, one()};
}

std::shared_ptr<const TokenCache> TokenCache::open(const std::filesystem::path& path, const FrameStore& store,
                                                   const SavedTower& tower) {
  const auto file = MappedFile::open(path);
  const Header header = read_header(*file);
  if (header.tower != tower.hash)
    throw FileError(path, "was made with a different vision tower: delete it to rebuild it");
  // A cache of all frames has as many rows as the store.
  const auto frames = cached_frames(store, header.rows == store.size());
  if (header.store != store.id() || header.rows != static_cast<std::int64_t>(frames.size()) ||
      header.patches != tower.config.patches() || header.width != tower.config.width) {
    throw FileError(path, "was made from a different frame store: delete it to rebuild it");
  }
  const std::shared_ptr<TokenCache> out(new TokenCache);
  out->id_ = header.id;
  out->row_of_.assign(static_cast<std::size_t>(store.size()), -1);
  for (std::size_t row = 0; row < frames.size(); ++row) {
    out->row_of_[static_cast<std::size_t>(frames[row])] = static_cast<std::int64_t>(row);
  }
  const auto map = [&](std::int64_t offset) {
    return at::from_blob(
        const_cast<std::byte*>(file->bytes().data()) + offset,
        {header.variants, header.rows, header.patches, header.width}, [file](void*) {},
        at::TensorOptions().dtype(at::kBFloat16));
  };
  out->static_tokens_ = map(kPage);
  out->gripper_tokens_ = map(kPage + camera_bytes(header));
  return out;
}

at::Tensor TokenCache::static_tokens(std::span<const std::int64_t> frames, std::span<const int> variants) const {
  return gather(static_tokens_, frames, variants);
}

at::Tensor TokenCache::gripper_tokens(std::span<const std::int64_t> frames, std::span<const int> variants) const {
  return gather(gripper_tokens_, frames, variants);
}

at::Tensor TokenCache::gather(const at::Tensor& tokens, std::span<const std::int64_t> frames,
                              std::span<const int> variants) const {
  const auto rows = tokens.size(1);
  const auto picture = static_cast<std::size_t>(tokens.size(2) * tokens.size(3));
  auto out = at::empty({static_cast<std::int64_t>(frames.size()), tokens.size(2), tokens.size(3)}, tokens.options());
  const auto* from = tokens.data_ptr<at::BFloat16>();
  auto* to = out.data_ptr<at::BFloat16>();
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const bool known = frames[i] >= 0 && frames[i] < static_cast<std::int64_t>(row_of_.size());
    const auto row = known ? row_of_[static_cast<std::size_t>(frames[i])] : -1;
    const int variant = variants.empty() ? 0 : variants[i];
    if (row < 0) throw Error("frame " + std::to_string(frames[i]) + " is not in the token cache");
    if (variant < 0 || variant >= this->variants()) {
      throw Error("variant " + std::to_string(variant) + " is not among the token cache's " +
                  std::to_string(this->variants()));
    }
    std::copy_n(from + static_cast<std::size_t>(variant * rows + row) * picture, picture, to + i * picture);
  }
  return out;
}

std::shared_ptr<const TokenCache> make_token_cache(const std::filesystem::path& path, const FrameStore& store,
                                                   const SavedTower& tower, const TokenCacheOptions& options) {
  if (tower.config.image_size != store.image_size()) {
    throw Error("the store's images are " + std::to_string(store.image_size()) + " pixels wide, the tower needs " +
                std::to_string(tower.config.image_size));
  }
  if (options.variants < 1 || options.variants > kMaxVariants) {
    throw Error("a token cache has 1 to " + std::to_string(kMaxVariants) + " variants, not " +
                std::to_string(options.variants));
  }
  const auto frames = cached_frames(store, options.unannotated);
  if (frames.empty()) throw FileError(store.folder(), "has no language annotations, so no frame needs tokens");
  const auto id = id_of(store, tower, options);
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    try {
      const auto old = TokenCache::open(path, store, tower);
      if (old->id_ == id) return old;
    } catch (const Error&) {  // it is rebuilt
    }
  }
  Header header;
  header.id = id;
  header.store = store.id();
  header.tower = tower.hash;
  header.rows = static_cast<std::int64_t>(frames.size());
  header.variants = options.variants;
  header.patches = tower.config.patches();
  header.width = tower.config.width;
  const auto chunks = (header.rows + kChunk - 1) / kChunk;
  ChunkedFile file(path, id, file_bytes(header), chunks);
  file.write(0, &header, sizeof header);

  keep_freed_memory();
  const auto encoder = tower.encoder();
  std::atomic<std::int64_t> done{0};
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    if (file.is_done(chunk)) done += std::min(kChunk, header.rows - chunk * kChunk);
  }
  {
    const SingleThreadedMath single;
    file.fill(
        worker_count(options.workers), options.stop,
        [&](std::int64_t chunk, const std::stop_token& stop) {
          use_one_thread_here();
          fill_chunk(store, encoder, options, header, frames, chunk, file, stop, done);
        },
        [&] {
          if (options.progress) options.progress(done, header.rows);
        });
  }
  file.publish();
  return TokenCache::open(path, store, tower);
}

}  // namespace deer
