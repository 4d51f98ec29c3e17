// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/episodes/open/warned_collection.h"

#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/episodes/recording_collection.h"

namespace deer {
namespace {

class WarnedCollection final : public EpisodeCollection, public MappedDataset {
 public:
  WarnedCollection(std::shared_ptr<const EpisodeCollection> inside, std::string warning)
      : inside_(std::move(inside)), warnings_{std::move(warning)} {
    const auto& more = inside_->warnings();
    warnings_.insert(warnings_.end(), more.begin(), more.end());
  }
  std::string kind() const override { return inside_->kind(); }
  const std::filesystem::path& path() const override { return inside_->path(); }
  const std::vector<EpisodeEntry>& episodes() const override { return inside_->episodes(); }
  const std::vector<std::string>& warnings() const override { return warnings_; }
  FrameSourcePtr open(std::size_t index) const override { return inside_->open(index); }
  const DatasetDescription* description() const override {
    return mapped_dataset(inside_.get()) != nullptr ? inside_->description() : nullptr;
  }
  // These two are asked only where there is a description.
  RecordedFrame first_frame(std::size_t index, const std::stop_token& stop) const override {
    return dataset().first_frame(index, stop);
  }
  const std::filesystem::path& map_file() const override { return dataset().map_file(); }

 private:
  const MappedDataset& dataset() const {
    const auto* const out = mapped_dataset(inside_.get());
    if (out == nullptr) throw FileError(inside_->path(), "has cameras and columns that cannot be chosen");
    return *out;
  }

  std::shared_ptr<const EpisodeCollection> inside_;
  std::vector<std::string> warnings_;
};

}  // namespace

std::shared_ptr<const EpisodeCollection> with_warning(std::shared_ptr<const EpisodeCollection> collection,
                                                      std::string warning) {
  return std::make_shared<WarnedCollection>(std::move(collection), std::move(warning));
}

}  // namespace deer
