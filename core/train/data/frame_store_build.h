// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <stop_token>

#include "core/train/data/frame_store.h"

namespace deer {

struct FrameStoreOptions {
  std::int64_t image_size = 96;  ///< side of the stored pictures; the model's vision.image_size
  int workers = 0;               ///< threads that read; 0: one for each CPU
  /// Frames done and in all; called on the thread that called, a few times a second.
  std::function<void(std::int64_t done, std::int64_t total)> progress;
  std::stop_token stop;
};

/// Opens the store in `folder` if it was made from these sources as they are now, in this image size;
/// makes it otherwise, replacing an old one.
///
/// `sources`: CALVIN datasets (all their splits) or single splits, with pictures of both cameras. Taken
/// are all frames of play segments and annotations, each once. Pictures go through resize_and_crop().
/// A build that was stopped or killed goes on where it was; a store is never seen half made.
/// Throws FileError for a broken source, naming the file; Error if another process is at work in
/// `folder`; Cancelled.
std::shared_ptr<const FrameStore> make_frame_store(const std::filesystem::path& folder,
                                                   const std::vector<std::filesystem::path>& sources,
                                                   const FrameStoreOptions& options = {});

}  // namespace deer
