// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stop_token>

#include "core/train/data/frame_store.h"
#include "core/train/data/image_batch.h"
#include "core/train/vision/vision_tower.h"

namespace deer {

struct TokenCacheOptions {
  /// Versions of every image: the first unchanged, the others each shifted at random, as in the reference.
  int variants = 1;
  int static_shift = 4;   ///< padding in pixels of the tower's input; the reference's 10 at 224
  int gripper_shift = 2;  ///< the reference's 4 at 224
  std::uint64_t seed = 0;
  bool unannotated = false;  ///< also of frames outside all annotations
  int workers = 0;           ///< threads; 0: one per CPU
  /// Finished and total frames; called on the calling thread, a few times a second.
  std::function<void(std::int64_t done, std::int64_t total)> progress;
  std::stop_token stop;
};

/// Shift of the window form, -padding + 1 to +padding in both directions; none if padding is 0.
PixelShift random_shift(std::uint64_t seed, std::uint64_t frame, std::uint64_t draw, int padding);

/// Patch tokens of a frozen tower for every frame of a store, or every annotated one, bfloat16, in one mapped file.
/// Immutable; may be used from any thread.
class TokenCache {
 public:
  /// Opens a finished cache. Throws FileError if the file is incomplete or was made with a different tower or store.
  static std::shared_ptr<const TokenCache> open(const std::filesystem::path& path, const FrameStore& store,
                                                const SavedTower& tower);

  int variants() const { return static_cast<int>(static_tokens_.size(0)); }
  std::int64_t patches() const { return static_tokens_.size(2); }
  std::int64_t width() const { return static_tokens_.size(3); }

  /// Tokens of these frames of the store, each in its own variant: bfloat16 [B, P, width], copied. `variants` has one
  /// entry per frame, or is empty for variant 0. Throws Error for a frame that is not in the cache or a missing
  /// variant.
  at::Tensor static_tokens(std::span<const std::int64_t> frames, std::span<const int> variants = {}) const;
  at::Tensor gripper_tokens(std::span<const std::int64_t> frames, std::span<const int> variants = {}) const;

 private:
  friend std::shared_ptr<const TokenCache> make_token_cache(const std::filesystem::path&, const FrameStore&,
                                                            const SavedTower&, const TokenCacheOptions&);
  TokenCache() = default;
  at::Tensor gather(const at::Tensor& tokens, std::span<const std::int64_t> frames,
                    std::span<const int> variants) const;

  std::uint64_t id_ = 0;
  at::Tensor static_tokens_, gripper_tokens_;  // [V, rows, P, width]
  std::vector<std::int64_t> row_of_;           // for each frame of the store, or -1
};

/// Opens the cache at `path` if it was made with this tower, store and options; otherwise builds it by running the
/// tower once over the frames. An interrupted build resumes. Throws Error if the store's images do not match
/// the tower or no frame is annotated, FileError, Cancelled.
std::shared_ptr<const TokenCache> make_token_cache(const std::filesystem::path& path, const FrameStore& store,
                                                   const SavedTower& tower, const TokenCacheOptions& options = {});

}  // namespace deer
