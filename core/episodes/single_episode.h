// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/episodes/episode_collection.h"

namespace deer {

/// A path with one episode: a video, an image folder, a frame.
class SingleEpisode final : public EpisodeCollection {
 public:
  using Opener = std::function<FrameSourcePtr()>;

  /// `opener` makes a source each time it is called, from any thread.
  SingleEpisode(std::string kind, std::filesystem::path path, EpisodeEntry entry, std::vector<std::string> warnings,
                Opener opener)
      : kind_(std::move(kind)),
        path_(std::move(path)),
        entries_{std::move(entry)},
        warnings_(std::move(warnings)),
        opener_(std::move(opener)) {}

  std::string kind() const override { return kind_; }
  const std::filesystem::path& path() const override { return path_; }
  const std::vector<EpisodeEntry>& episodes() const override { return entries_; }
  const std::vector<std::string>& warnings() const override { return warnings_; }
  FrameSourcePtr open(std::size_t index) const override {
    if (index != 0) throw Error("episode " + std::to_string(index) + " does not exist: the only episode is 0");
    return opener_();
  }

 private:
  std::string kind_;
  std::filesystem::path path_;
  std::vector<EpisodeEntry> entries_;
  std::vector<std::string> warnings_;
  Opener opener_;
};

}  // namespace deer
