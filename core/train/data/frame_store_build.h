// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <stop_token>

#include "core/train/data/frame_store.h"

namespace deer {

struct FrameStoreOptions {
  std::int64_t image_size = 96;  ///< side of the stored images; the model's vision.image_size
  int workers = 0;               ///< reading threads; 0: one per CPU
  /// Finished and total frames; called on the calling thread, a few times a second.
  std::function<void(std::int64_t done, std::int64_t total)> progress;
  std::stop_token stop;
};

/// Opens the store in `folder` if it matches these sources and this image size; otherwise builds it, replacing an old
/// one.
///
/// `sources`: CALVIN datasets (all their splits) or single splits, with images of both cameras. Includes all frames of
/// play segments and annotations, each once. Images go through resize_and_crop(). An interrupted build resumes; an
/// incomplete store is never opened. Throws FileError naming the file of a broken source; Error if another process is
/// working in `folder`; Cancelled.
std::shared_ptr<const FrameStore> make_frame_store(const std::filesystem::path& folder,
                                                   const std::vector<std::filesystem::path>& sources,
                                                   const FrameStoreOptions& options = {});

}  // namespace deer
